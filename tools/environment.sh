# Makes the virtual environment `.venv` and installs what a requirements file names. Sourced by run and test,
# from the root of the checkout:  . tools/environment.sh; make_environment requirements.txt
# Afterwards $python is the environment's own Python.

fail() {
    echo "$0: $*" >&2
    exit 1
}

# The first Python that is new enough.
find_python() {
    local candidate
    for candidate in python3 python3.14 python3.13 python3.12 python3.11 /usr/bin/python3; do
        if "$candidate" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
            command -v "$candidate"
            return
        fi
    done
    return 1
}

# Debian keeps a part of Python's own library in packages of its own.
apt_install() {
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        echo "Installing $* with apt-get ..."
        { apt-get -qq update && DEBIAN_FRONTEND=noninteractive apt-get -qq -y install "$@"; } </dev/null >/dev/null ||
            fail "apt-get could not install $*."
    else
        fail "the package $* is missing. Install it:  sudo apt-get install $*"
    fi
}

make_environment() {
    local requirements=$1 base version wanted stamp
    python=$PWD/.venv/bin/python
    exec 9>.venv.lock || fail "$PWD cannot be written by $(id -un)."
    flock 9
    if ! "$python" -c 'import pip' 2>/dev/null; then
        if ! base=$(find_python); then
            apt_install python3 python3-venv
            base=$(find_python) || fail "Python 3.11 or newer is needed; this machine has none."
        fi
        if ! "$base" -c 'import ensurepip, venv' 2>/dev/null; then
            version=$("$base" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
            apt_install "python$version-venv"
        fi
        rm -rf .venv
        "$base" -m venv .venv || fail "the virtual environment could not be made with $base."
    fi
    wanted=$(cat requirements*.txt pyproject.toml | sha256sum | cut -d' ' -f1)
    stamp=.venv/installed-$requirements
    if [ "$(cat "$stamp" 2>/dev/null)" != "$wanted" ]; then
        echo "Installing the packages of $requirements (the first time this takes a minute or two) ..."
        "$python" -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements" </dev/null ||
            fail "the packages of $requirements could not be installed; pip's reason stands above."
        # What the tests need holds what the site needs.
        echo "$wanted" | tee "$stamp" >.venv/installed-requirements.txt
    fi
    exec 9>&-
}

# A Chromium for the tests that drive one. Fails where there is none and apt may not install it.
ensure_chromium() {
    local name
    for name in chromium chromium-browser google-chrome; do
        if command -v "$name" >/dev/null; then return; fi
    done
    command -v apt-get >/dev/null || return 1
    local apt=(apt-get)
    if [ "$(id -u)" != 0 ]; then
        sudo -n true 2>/dev/null || return 1
        apt=(sudo -n apt-get)
    fi
    echo "Installing chromium with apt-get ..."
    { "${apt[@]}" -qq update && DEBIAN_FRONTEND=noninteractive "${apt[@]}" -qq -y install chromium; } \
        </dev/null >/dev/null 2>&1 && command -v chromium >/dev/null
}
