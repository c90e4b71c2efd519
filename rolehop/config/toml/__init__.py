"""TOML texts: where a value is, how to change it, and what is wrong if tomllib cannot read one."""
