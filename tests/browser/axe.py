"""axe looks at a page, light and dark: it finds nothing serious."""

from __future__ import annotations

from pathlib import Path

from playwright.async_api import Page, expect

AXE = Path(__file__).parents[2] / ".tools" / "node_modules" / "axe-core" / "axe.min.js"
SERIOUS = ("serious", "critical")
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


# Every element that passed would come along otherwise: megabytes for each look.
RUN = """async (rules) => {
    const { violations, passes } = await axe.run({ runOnly: rules, resultTypes: ['violations', 'passes'] });
    return { violations, passes: passes.length };
}"""


async def look(page: Page, where: str) -> None:
    """Fail where axe finds something serious. The page must have been opened without its security policy."""
    await expect(page.locator("h1, h2").first).to_be_attached()
    if not await page.evaluate("'axe' in window"):
        await page.add_script_tag(path=AXE)
    found = await page.evaluate(RUN, RULES)
    # Between light and dark only the colours differ.
    await page.emulate_media(color_scheme="dark")
    dark = await page.evaluate(RUN, ["color-contrast"])
    await page.emulate_media(color_scheme="light")
    serious = [
        f"{where}: {violation['id']}: {[node['html'] for node in violation['nodes']]}"
        for violation in (*found["violations"], *dark["violations"])
        if violation["impact"] in SERIOUS
    ]
    assert found["passes"] > 5, "nothing was looked at: this proves nothing"
    assert dark["passes"] == 1, "nothing was looked at: this proves nothing"
    assert serious == [], "\n".join(serious)
