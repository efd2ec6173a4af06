from pgward.ca.access.details import filled

VALUES = {"user": "ann@example.com", "service": "{user}", "role": None, "database": "shop"}


def test_what_stands_in_braces_is_filled_in_once():
    text = "{user}: {service}/{database} as {role}; {other}"
    assert filled(text, VALUES) == "ann@example.com: {user}/shop as ; {other}"
