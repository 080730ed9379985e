/**
 * Files are read and written by ordinary programs that run as commands of the session. The tree belongs to an attacker, who may
 * swap links and directories at any moment; from in there nothing but the sandbox can be reached, with the rights
 * and limits that any command of it has. A walk from outside would have to win every such race.
 */
import { UNDER_ANY_ROOT } from "./path.js";

/**
 * `$1`: a path. Says in one line what is there, waits for a line with an offset and a length, then writes the bytes,
 * or a tar archive of a directory. The file is opened once: what is described is what is read. With `$2`,
 * a path that a link leads out of what is the same under any root is not read: another file than the one meant may be there.
 */
export const READ_SCRIPT = `
if [ -n "$2" ]; then
  case $(readlink -f -- "$1") in
    "" | ${UNDER_ANY_ROOT.map((top) => `${top} | ${top}/*`).join(" | ")}) ;;
    *) echo elsewhere; exit ;;
  esac
fi
if [ ! -e "$1" ]; then echo missing; exit; fi
if [ ! -r "$1" ]; then echo denied; exit; fi
if [ -d "$1" ]; then
  cd -- "$1" || { echo denied; exit; }
  hidden=$(find . ! -type l \\( ! -readable -o -type d ! -executable \\) -print -quit 2>&1)
  if [ -n "$hidden" ]; then printf 'denied %s\\n' "$hidden"; exit; fi
  echo "directory $(stat -c '%s %a %.9Y %i' .)"
  read -r offset length || exit
  exec tar --create --format=posix --pax-option=delete=atime,delete=ctime --numeric-owner --file=- .
fi
if [ ! -f "$1" ]; then echo special; exit; fi
exec 3< "$1"
echo "file $(stat -L -c '%s %a %.9Y %i' /dev/fd/3)"
read -r offset length || exit
tail -c "+$((offset + 1))" <&3 | head -c "$length"
`;

/**
 * `$1`: a path, `$2`: a name that nothing has. Keeps what comes in beside the path, under that name, so that it can take
 * its place by one rename.
 */
export const RECEIVE_FILE_SCRIPT = `
set -eu
if [ -d "$1" ]; then echo "$1 is a directory" >&2; exit 1; fi
mkdir -p -- "\${1%/*}/"
exec cat > "\${1%/*}/$2"
`;

/** `$3`: its mode, or nothing for that of the file before, `$4`: its time of last change, or nothing. */
export const COMMIT_FILE_SCRIPT = `
set -eu
new=\${1%/*}/$2
if [ -n "$3" ]; then chmod -- "$3" "$new"
elif [ -f "$1" ] && [ ! -L "$1" ]; then chmod "--reference=$1" -- "$new"
fi
if [ -n "$4" ]; then touch -d "@$4" -- "$new"; fi
exec mv -fT -- "$new" "$1"
`;

/** The same for a directory: unpacks an archive beside it, or in it when it exists, for it may be where a disk is mounted. */
export const RECEIVE_DIRECTORY_SCRIPT = `
set -eu
if [ -d "$1" ]; then new=$1/$2; else mkdir -p -- "\${1%/*}/"; new=\${1%/*}/$2; fi
mkdir -- "$new"
exec tar --extract --preserve-permissions --no-same-owner --delay-directory-restore --file=- --directory "$new"
`;

/** A new directory appears at once. In one that exists each file takes its place as a whole, by a link: no byte is copied. */
export const COMMIT_DIRECTORY_SCRIPT = `
set -eu
new=$1/$2
if [ ! -d "$new" ]; then
  new=\${1%/*}/$2
  if [ ! -e "$1" ]; then exec mv -T -- "$new" "$1"; fi
fi
cp -a -l --remove-destination -- "$new/." "$1/"
exec rm -rf -- "$new"
`;

export const DISCARD_SCRIPT = `rm -rf -- "$1/$2" "\${1%/*}/$2"`;

export function script(text: string, ...args: string[]): string[] {
  return ["/bin/sh", "-c", text, "chaser", ...args];
}
