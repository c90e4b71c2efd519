"""Doubles of services and programs outside rolehop, as strict as the real ones where that matters."""
