"""What PyInstaller has to know about sysfuzz beyond its imports: what is found by name only, and a core that is read as source."""

from PyInstaller.utils.hooks import collect_dynamic_libs, collect_submodules, copy_metadata

# The job is loaded by its name, a replay is started by that of its module, and the emulator loads its architectures as it needs them.
hiddenimports = ["sysfuzz.engine.job", "sysfuzz.engine.replay", *collect_submodules("unicorn")]

# The branches of the core are features, and the marks for them are written into its source when it is imported.
module_collection_mode = {"sysfuzz.kernel": "py"}

# Each package looks for its library beside its modules, the one for libcapstone.so, the other for libunicorn.so.2.
binaries = [
    *collect_dynamic_libs("capstone"),
    *collect_dynamic_libs("unicorn", search_patterns=["*.so*"]),
]

# A finding names the versions that it rests on.
datas = [entry for package in ("atheris", "capstone", "unicorn") for entry in copy_metadata(package)]
