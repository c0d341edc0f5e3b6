# Completion of bantam for fish: source it, or put it into a folder of $fish_complete_path under the name "bantam.fish".
# What fits is told by the program itself, line by line: a word, a tab and what it means; ":files" stands for any file.
function __bantam_words
    set -l words (commandline -opc)
    set -l current (commandline -ct)
    set -l head (string match -r -- '^--[^=]+=' $current)
    set -l program $words[1]
    set -e words[1]
    for line in ($program completion fish -- $words "$current" 2>/dev/null)
        if test "$line" = :files
            for path in (complete -C "'' "(string replace -- "$head" '' "$current"))
                echo "$head$path"
            end
        else
            echo "$head$line"
        end
    end
end
complete -c bantam -f -k -a '(__bantam_words)'
