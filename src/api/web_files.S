/* The console's files as they are; paths are relative to web/ (see CMakeLists.txt). */
    .macro web_file name, file
    .global \name, \name\()_end
\name:
    .incbin "\file"
\name\()_end:
    .byte 0
    .endm

    .section .rodata
    web_file bantam_web_html, "index.html"
    web_file bantam_web_console_css, "console.css"
    web_file bantam_web_learning_css, "learning.css"
    web_file bantam_web_theme_js, "theme.js"
    web_file bantam_web_page_js, "page.js"
    web_file bantam_web_console_js, "console.js"
    web_file bantam_web_learning_js, "learning.js"
    web_file bantam_web_usage_js, "usage.js"
    web_file bantam_web_review_js, "review.js"
    web_file bantam_web_charts_js, "charts.js"
    .section .note.GNU-stack,"",%progbits
