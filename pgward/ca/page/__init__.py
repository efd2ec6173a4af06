"""The pages that the CA shows to browsers: where people use their passkeys, and decide requests.

A *route* reads the request, a *template* makes the HTML, an *asset* is a style sheet, script or
picture. Every answer has the same strict headers: no inline script or style, nothing from
elsewhere, no frame around it, nothing kept. There are no cookies: a page knows what its address
says, sealed, and nothing else of who looks at it.
"""
