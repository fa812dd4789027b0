"""The rules of the guide: each a function of what it looks at, giving findings."""
