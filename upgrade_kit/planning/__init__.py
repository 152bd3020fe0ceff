"""The version graph, a path through it, and the ordered steps. Pure: rules in, values out."""
