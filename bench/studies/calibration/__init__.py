"""How often the gate raises false alarms, and what slow-downs it finds."""
