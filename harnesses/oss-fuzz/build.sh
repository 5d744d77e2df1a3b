#!/bin/bash -eu
# Builds every harness into $OUT, with what OSS-Fuzz and ClusterFuzzLite look for beside it: NAME (executable), NAME_seed_corpus.zip,
# NAME.options and NAME.dict. The project lies in $SRC/sysfuzz; the image is base-builder-python, where compile_python_fuzzer comes from.

cd "$SRC/sysfuzz"

pip3 install --require-hashes --only-binary :all: -r requirements.lock
pip3 install --no-deps --no-build-isolation .

for harness in harnesses/fuzz_*.py; do
  name=$(basename -s .py "$harness")
  design=${name#fuzz_}
  design=${design//_/-}

  compile_python_fuzzer "$harness" --additional-hooks-dir "$PWD/harnesses/oss-fuzz"

  # In place of the wrapper that this has made, which preloads a sanitizer with a libFuzzer of its own. There is no native code of ours for
  # it to look at, capstone cannot be loaded under it, and its libFuzzer sees none of the features: the one inside atheris has them.
  cat >"$OUT/$name" <<END
#!/bin/sh
# LLVMFuzzerTestOneInput for fuzzer detection.
this_dir=\$(dirname "\$0")
chmod +x "\$this_dir/$name.pkg"
exec "\$this_dir/$name.pkg" "\$@"
END
  chmod +x "$OUT/$name"

  seeds=()
  for directory in corpora/nosyscalls "corpora/$design" "tests/programs/$design"; do
    if [ -d "$directory" ]; then
      seeds+=("$directory")
    fi
  done
  sysfuzz corpus export "${seeds[@]}" -o "$OUT/${name}_seed_corpus.zip"

  cp harnesses/fuzz.options "$OUT/$name.options"
  cp harnesses/fuzz.dict "$OUT/$name.dict"
done
