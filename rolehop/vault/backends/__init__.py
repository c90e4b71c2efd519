"""The back end that is named, and those of rolehop's own that are used only if they are."""
