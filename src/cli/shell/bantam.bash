# Completion of bantam for bash: source it, or put it into a folder of bash-completion under the name "bantam".
# What fits is told by the program itself, line by line: a word, a tab and what it means; ":files" stands for any file.
_bantam() {
  local current=${COMP_WORDS[COMP_CWORD]} word
  COMPREPLY=()
  # Bash takes "--model=x" for three words.
  [[ $current == = ]] && current=
  while IFS=$'\t' read -r word _; do
    if [[ $word == :files ]]; then
      mapfile -t -O "${#COMPREPLY[@]}" COMPREPLY < <(compgen -f -- "$current")
      compopt -o filenames -o default 2>/dev/null
    else
      COMPREPLY+=("$word")
    fi
  done < <("${COMP_WORDS[0]/#\~/$HOME}" completion bash -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _bantam bantam
