/** How git is run for an import, as data: it fetches from one address over https, and runs nothing of what it fetches. */
import { isCommit } from "./ref.js";

/** Given on the command line, which nothing in a repository can override. */
const SETTINGS: Readonly<Record<string, string>> = {
  "protocol.allow": "never",
  "protocol.https.allow": "always",
  "http.followRedirects": "false",
  "http.sslVerify": "true",
  "http.lowSpeedLimit": "1000",
  "http.lowSpeedTime": "30",
  "credential.helper": "",
  "core.hooksPath": "/dev/null",
  "core.fsmonitor": "false",
  "core.sshCommand": "false",
  "core.protectHFS": "true",
  "core.protectNTFS": "true",
  "submodule.recurse": "false",
  "fetch.recurseSubmodules": "false",
  "transfer.bundleURI": "false",
  "gc.auto": "0",
  "maintenance.auto": "false",
  "advice.detachedHead": "false",
  "init.defaultBranch": "main",
};

/** Nothing of a system's or a user's configuration, no prompt, no other protocol. */
export const GIT_ENVIRONMENT: Readonly<Record<string, string>> = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_ATTR_NOSYSTEM: "1",
  GIT_TERMINAL_PROMPT: "0",
  GIT_ALLOW_PROTOCOL: "https",
  GIT_PROTOCOL_FROM_USER: "0",
  GIT_LFS_SKIP_SMUDGE: "1",
  GIT_ASKPASS: "/tmp/import/askpass",
  HOME: "/tmp/import",
  LC_ALL: "C",
};

/** Where a repository is put together; what is there when a session starts was left by an import that broke off. */
export const IMPORT_DIRECTORY = ".chaser-import";

/**
 * `$1`: the address, `$2`: a branch or tag, `$3`: a commit; the rest are arguments of git. Standard input holds the
 * token, or nothing: askpass takes it from there as descriptor 3, so that it is in no file, argument or environment. Certificates
 * of the operator's come in the environment; they are public. A repository may itself have an entry of the name that it is put together
 * under, which then has to give way.
 */
export const IMPORT_SCRIPT = `
set -eu
url=$1 name=$2 commit=$3
shift 3
cd /workspace
rm -rf ${IMPORT_DIRECTORY}
if [ -n "$(ls -A)" ]; then echo "fatal: the workspace is not empty" >&2; exit 1; fi
mkdir -p /tmp/import
cat > /tmp/import/askpass <<'END'
#!/bin/sh
case $1 in
Username*) echo x-access-token ;;
Password*) IFS= read -r token <&3 && printf '%s\\n' "$token" ;;
esac
END
chmod 700 /tmp/import/askpass
exec 3<&0 </dev/null
if [ -n "$CHASER_IMPORT_CA" ]; then
  cat /etc/ssl/certs/ca-certificates.crt > /tmp/import/ca.pem 2>/dev/null || :
  printf '%s\\n' "$CHASER_IMPORT_CA" >> /tmp/import/ca.pem
  set -- "$@" -c http.sslCAInfo=/tmp/import/ca.pem
fi
unset CHASER_IMPORT_CA
if [ -n "$commit" ]; then
  git "$@" init --quiet --template= ${IMPORT_DIRECTORY}
  cd ${IMPORT_DIRECTORY}
  git "$@" remote add -- origin "$url"
  git "$@" fetch --progress --depth=1 --no-tags --no-recurse-submodules -- origin "$commit"
  git "$@" checkout --progress --detach FETCH_HEAD --
  cd ..
else
  git "$@" clone --progress --template= --depth=1 --single-branch --no-tags --no-recurse-submodules \\
    \${name:+"--branch=$name"} -- "$url" ${IMPORT_DIRECTORY}
fi
place=${IMPORT_DIRECTORY}
while [ -e "$place/$place" ] || [ -L "$place/$place" ]; do
  mv -T -- "$place" "$place-"
  place=$place-
done
find "$place" -mindepth 1 -maxdepth 1 ! -name .git -exec mv -t . -- {} +
mv "$place/.git" .
rmdir "$place"
`;

/** Removes what an import left behind, in a workspace that was empty before. */
export const CLEAR_SCRIPT = "find /workspace -mindepth 1 -delete";

/** Prints whether there is nothing in the workspace but what an import that broke off left. */
export const EMPTY_SCRIPT = `[ -n "$(ls -A /workspace | grep -Fvx ${IMPORT_DIRECTORY})" ] || echo empty`;

export function importCommand(url: string, ref: string | null): string[] {
  const commit = ref !== null && isCommit(ref) ? ref : "";
  const name = commit === "" ? (ref ?? "") : "";
  const settings = Object.entries(SETTINGS).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
  return ["/bin/sh", "-c", IMPORT_SCRIPT, "import", url, name, commit, ...settings];
}
