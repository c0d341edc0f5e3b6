#compdef bantam
# Completion of bantam for zsh: put it into a folder of $fpath under the name "_bantam", or source it after compinit.
# What fits is told by the program itself, line by line: a word, a tab and what it means; ":files" stands for any file.
_bantam() {
  local line files=0
  local -a described
  for line in "${(@f)$(_call_program bantam ${words[1]} completion zsh -- "${(@q)${(@Q)words[2,CURRENT-1]}}" "${(q)${(Q)PREFIX}}")}"; do
    case $line in
      '') ;;
      :files) files=1 ;;
      *) described+=("${${line%%$'\t'*}//:/\\:}:${line#*$'\t'}") ;;
    esac
  done
  compset -P '--[^=]##='
  (( ${#described} )) && _describe -V 'bantam' described
  (( files )) && _files
}
if [[ ${funcstack[1]-} == _bantam ]]; then _bantam "$@"; else compdef _bantam bantam; fi
