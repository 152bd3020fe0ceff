"""From values to text: tables for people, JSON for programs."""
