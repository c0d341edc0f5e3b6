/* The console's files as they are; paths are relative to web/ (see CMakeLists.txt). */
    .section .rodata
    .global bantam_web_html, bantam_web_html_end, bantam_web_css, bantam_web_css_end, bantam_web_js, bantam_web_js_end
bantam_web_html:
    .incbin "index.html"
bantam_web_html_end:
    .byte 0
bantam_web_css:
    .incbin "console.css"
bantam_web_css_end:
    .byte 0
bantam_web_js:
    .incbin "console.js"
bantam_web_js_end:
    .byte 0
    .section .note.GNU-stack,"",%progbits
