#!/bin/bash -eu
exec "$SRC/sysfuzz/harnesses/oss-fuzz/build.sh"
