"""The web pages of the CA's own address: for people, approvers, administrators and auditors.

`front` puts them onto the CA's application. A *page* (`pages/`) reads a request, asks the same
functions that the API asks, and shows a *template*; `web/` is what all pages have in common:
who visits, forms, headers, style sheets and scripts (*assets*). `visits/` are the pages to which a
terminal or a message sent a browser.

Every answer has the same strict headers: no inline script or style, nothing from elsewhere, no
frame around it, nothing kept. Whoever writes does so by POST, from a page of ours.
"""
