"""What axe-core has against a page that is open."""

GRAVE = ("serious", "critical")
# Behaviours are drawn by one template: the first of them is enough.
PAGE = {"include": [["html"]], "exclude": [[".behaviour ~ .behaviour"]]}
RUN = """where => axe.run(where, {resultTypes: ["violations"]}).then(found => found.violations.map(each => [
  each.impact, each.id, each.nodes.map(node => node.target.join(" ") + ": " + node.failureSummary).slice(0, 3)]))"""


def grave(found, script, where=PAGE):
    """Serious and critical violations: impact, rule, and the first places; `script` is axe's own."""
    found.page.evaluate(script)
    return [each for each in found.page.evaluate(RUN, where) if each[0] in GRAVE]
