"""What is watched: metrics, alarms, dashboards, and who hears of them. The stack `monitoring` puts them together."""
