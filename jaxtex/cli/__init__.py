"""Console commands: each `*_main` module is one, with its flags, its help and its `entry`.

Where to change what:

* add a flag to `jaxtex`: a field of `flags.Options`, or of `synthesis.config.Config` if it decides
  the result; then its name in `help_page.GROUPS`, which `--helpfull` prints;
* add a flag to another command: a field of `Options` in its module;
* add a preset: a row of `synthesis.shorthands.presets.PRESETS`;
* change the help: the text of a flag is beside its field, the rest of the page is the docstring of
  the command's module; `help_page.FREQUENT` lists the flags of `jaxtex --help`;
* add a kind of `--list`: a row of `name_lists.LISTS`;
* add a shell to `--completion`: a row of `completion.SHELLS`.

`flag_fields` turns the fields of a dataclass into flags and back. `flag_parsing` runs a command:
parsing, help, errors, exit status.
"""
