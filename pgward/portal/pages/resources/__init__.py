"""``/admin/resources``: everything that administrators declare: looked at, changed, tried out.

A resource is one document. A form (`outline`, `forms_of`) shows the fields of it that most people
change, and its YAML shows all; both are sent together, and `draft` makes one document of them. What
is saved has been looked at as a difference before, and was there in the version that it changes.
"""

from pgward.portal.pages.resources import applying, editing, listing, one, past, tester

# These two first: their paths are not names of kinds and resources.
PAGES = (applying, editing, listing, one, past, tester)
