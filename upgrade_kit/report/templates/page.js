"use strict";
(() => {
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const main = one("#main"), site = JSON.parse(main.dataset.site);
  const items = all(".item"), procedures = all(".procedure");
  const boxes = all("#tools input[type=checkbox]"), search = one("#search");
  const blank = document.createElement("input");  // a page without procedures has no reviewer
  const who = one("#reviewer") || blank, when = one("#date") || blank;
  const store = "upgrade-kit report " + main.dataset.fingerprint;
  const keys = new Map(procedures.map((test) => [test, JSON.parse(test.dataset.key)]));
  const texts = new Map();
  const today = () => { const now = new Date(); return new Date(now - now.getTimezoneOffset() * 60000).toISOString().slice(0, 10); };
  const later = (wait, task) => { let timer; return () => { clearTimeout(timer); timer = setTimeout(task, wait); }; };
  const plain = (text) => text.toLowerCase().replace(/\s+/g, " ").trim();

  function textOf(item) {
    if (!texts.has(item)) {
      const parts = item.matches(".procedure") ? all("header, .findings, .code", item) : [item];
      texts.set(item, plain(parts.map((part) => part.textContent).join(" ")));
    }
    return texts.get(item);
  }

  function filter() {
    const wanted = { outcome: new Set(), severity: new Set() };
    for (const box of boxes) if (box.checked) wanted[box.name].add(box.value);
    const words = plain(search.value);
    let left = 0, tests = 0;
    for (const item of items) {
      const { outcome, severity } = item.dataset;
      const fits = (outcome === undefined || wanted.outcome.has(outcome)) && wanted.severity.has(severity)
        && (words === "" || textOf(item).includes(words));
      item.classList.toggle("out", !fits);
      left += fits ? 0 : 1;
      tests += fits && outcome !== undefined ? 1 : 0;
    }
    for (const group of all(".group")) group.classList.toggle("out", !one(".item:not(.out)", group));
    document.documentElement.classList.toggle("filtered", left > 0);
    const hidden = left > 0 ? ` ${left} entries of this page are hidden by the filter.` : "";
    one("#status").textContent = `${tests} of ${procedures.length} procedures shown.${hidden}`;
  }

  const fields = (test) => ({
    decision: one("input[type=radio]:checked", test),
    reviewer: one(".reviewer", test), date: one(".date", test), note: one(".remark", test),
  });

  function decided(test) {
    const { decision, reviewer, date, note } = fields(test);
    const { test_id, slug, before_sha256, after_sha256 } = keys.get(test);
    return { test_id, slug, decision: decision ? decision.value : "", reviewer: reviewer.value.trim(), date: date.value,
      note: note.value.trim(), before_sha256, after_sha256 };
  }

  function mark(test) {
    const { decision } = fields(test);
    test.classList.toggle("approved", decision !== null && decision.value === "approved");
    test.classList.toggle("rejected", decision !== null && decision.value === "rejected");
  }

  function blanks(root) {
    for (const field of all("input[type=text], input[type=date]", root)) field.classList.toggle("blank", field.value === "");
  }

  function tally() {
    const count = (word) => procedures.filter((test) => one(`input[value="${word}"]`, test).checked).length;
    const [yes, no] = [count("approved"), count("rejected")];
    one("#tally").textContent = `${procedures.length} procedures: ${yes} approved, ${no} rejected, `
      + `${procedures.length - yes - no} undecided. The verdict was ${one(".verdict strong").textContent}.`;
    one("#signed-by").textContent = who.value;
    one("#signed-on").textContent = when.value;
  }

  function document_() {
    return {
      schema: 1, kind: "upgrade-kit approvals", site, made_at: new Date().toISOString(),
      reviewer: who.value.trim(), decisions: procedures.map(decided).filter((made) => made.decision !== ""),
    };
  }

  const keep = later(400, () => {
    tally();
    try {
      localStorage.setItem(store, JSON.stringify({ ...document_(), date: when.value }));
    } catch { /* the browser keeps nothing for this page; the export does */ }
  });

  function take(data) {
    const known = new Map(procedures.map((test) => [keys.get(test).test_id, test]));
    let taken = 0, other = 0;
    for (const made of data.decisions) {
      const test = known.get(made.test_id), shown = test && keys.get(test);
      const choice = test && all("input[type=radio]", test).find((radio) => radio.value === made.decision);
      if (!choice || shown.slug !== made.slug || shown.before_sha256 !== made.before_sha256
        || shown.after_sha256 !== made.after_sha256) { other += 1; continue; }
      choice.checked = true;
      const { reviewer, date, note } = fields(test);
      [reviewer.value, date.value, note.value] = [made.reviewer, made.date, made.note];
      mark(test); blanks(test); taken += 1;
    }
    if (data.reviewer) who.value = data.reviewer;
    if (data.date) when.value = data.date;
    blanks(one("#procedures > .signature") || main);
    tally();
    return [taken, other];
  }

  function decide(test) {
    const { decision, reviewer, date } = fields(test);
    if (decision.value !== "") {
      if (reviewer.value === "") reviewer.value = who.value;
      if (date.value === "") date.value = when.value || today();
    }
    mark(test);
  }

  main.addEventListener("input", (event) => {
    const test = event.target.closest(".procedure");
    if (event.target.id === "load") return;
    if (test && event.target.type === "radio") decide(test);
    blanks(test || event.target.parentElement);
    keep();
  });

  one("#export").addEventListener("click", () => {
    const made = document_();
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([JSON.stringify(made, null, 1) + "\n"], { type: "application/json" }));
    link.download = "upgrade-kit-approvals.json";
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 60000);
    const nameless = made.decisions.filter((each) => each.reviewer === "").length;
    one("#told").textContent = `${made.decisions.length} decisions saved; what is undecided is not in the file.`
      + (nameless ? ` ${nameless} of them name no reviewer.` : "");
  });

  one("#load").addEventListener("change", async (event) => {
    const [file] = event.target.files;
    if (!file) return;
    try {
      const data = JSON.parse(await file.text());
      if (data.kind !== "upgrade-kit approvals" || data.schema !== 1) throw new Error("it is no file of approvals");
      const [taken, other] = take(data);
      one("#told").textContent = `${taken} decisions loaded.`
        + (other ? ` ${other} are on other texts than this page shows, and were left out.` : "");
      keep();
    } catch (error) {
      one("#told").textContent = `Nothing was loaded: ${error.message}`;
    }
    event.target.value = "";
  });

  one("#everything").addEventListener("click", () => {
    search.value = "";
    for (const box of boxes) box.checked = true;
    filter();
  });

  one("#next").addEventListener("click", () => {
    const open = procedures.filter((test) => !test.classList.contains("out") && one('input[value=""]', test).checked);
    const last = document.activeElement.closest(".procedure") || one(".at");
    const after = open.find((test) => last && last.compareDocumentPosition(test) & Node.DOCUMENT_POSITION_FOLLOWING);
    const test = after || open[0];
    for (const marked of all(".at")) marked.classList.remove("at");
    if (!test) { one("#status").textContent = "Nothing that is shown is undecided."; return; }
    test.classList.add("at");
    one("h4", test).focus();
  });

  one("#open").addEventListener("click", (event) => {
    const closed = all(".procedure details:not([open])").length > 0;
    for (const text of all(".procedure details")) text.open = closed;
    event.target.textContent = closed ? "Close all texts" : "Open all texts";
  });

  one("#tools").addEventListener("submit", (event) => { event.preventDefault(); filter(); });
  one("#tools").addEventListener("change", filter);
  search.addEventListener("input", later(150, filter));
  document.documentElement.classList.add("js");
  try {
    const kept = localStorage.getItem(store);
    if (kept) take(JSON.parse(kept));
  } catch { /* as above */ }
  for (const test of procedures) mark(test);
  filter();
  tally();
})();
