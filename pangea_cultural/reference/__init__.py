"""Tables that users extend: languages and regions."""
