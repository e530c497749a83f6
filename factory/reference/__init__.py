"""Tables that users extend: properties and entity types."""
