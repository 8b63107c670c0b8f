"""A report in the forms that people and programs read: one module each. JSON is `buildinfo.verify.report.to_json`."""
