"""Load testing that people can believe: plan, load, analysis, gate, verdict, reporting."""
