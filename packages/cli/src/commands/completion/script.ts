import type { Context } from "../../context.js";

/** Each script hands the words of the line to `chaser __complete`, which prints one candidate a line. */
const scripts = {
  bash: `_chaser() {
  local line
  COMPREPLY=()
  while IFS= read -r line; do COMPREPLY+=("$line"); done < <(chaser __complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -o default -F _chaser chaser
`,
  zsh: `#compdef chaser
_chaser() {
  local -a candidates
  candidates=("\${(@f)$(chaser __complete -- "\${(@)words[2,CURRENT]}" 2>/dev/null)}")
  if [[ -n "\${candidates[1]}" ]]; then compadd -a candidates; else _files; fi
}
if [[ "\${funcstack[1]}" == _chaser ]]; then _chaser "$@"; else compdef _chaser chaser; fi
`,
  fish: `function __chaser_complete
  set -l words (commandline -opc) (commandline -ct)
  chaser __complete -- $words[2..-1] 2>/dev/null
end
complete -c chaser -a '(__chaser_complete)'
`,
};

export function run(context: Context, _options: object, shell: keyof typeof scripts): Promise<void> {
  context.show({ shell, script: scripts[shell] }, ({ script }) => script);
  return Promise.resolve();
}
