"""Looks at the pages of a mirror with Chromium; run by a Python that has Playwright, and prints JSON.

    python browser.py '{"url": "http://…", "axe": "axe.min.js", "chromium": "/usr/bin/chromium", …}'

pages: the paths to look at. lock: a file to send. shots: a folder for pictures of the pages, to be looked at.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

#: What people have: a light and a dark screen, and a small one.
SCREENS = (("light", 1100), ("dark", 1100), ("light", 360))


def main(asked: dict[str, Any]) -> dict[str, Any]:
    with sync_playwright() as playwright:
        # As root there is no sandbox of the browser; the pages are our own.
        browser = playwright.chromium.launch(executable_path=asked["chromium"], args=["--no-sandbox"])
        try:
            return {"findings": findings(browser, asked), **walk(browser, asked)}
        finally:
            browser.close()


def findings(browser: Browser, asked: dict[str, Any]) -> list[str]:
    """What is wrong with the pages: by axe, by the console, by where requests go, by their width."""
    axe = Path(asked["axe"]).read_text(encoding="utf-8")
    found: list[str] = []
    for scheme, width in SCREENS:
        # axe is a script, which the pages forbid: they are looked at without their policy, and below with it.
        context = browser.new_context(
            color_scheme=scheme, viewport={"width": width, "height": 800}, bypass_csp=True
        )
        page = context.new_page()
        requests: list[str] = []
        page.on("request", lambda one, requests=requests: requests.append(one.url))
        for number, path in enumerate([*asked["pages"], "lock: diff", "lock: since"]):
            where = f"{path} {scheme} {width}"
            if path.startswith("lock: "):
                send_lock(page, asked, path.removeprefix("lock: "))
            else:
                page.goto(asked["url"] + path)
            page.evaluate(axe)
            violations = page.evaluate("axe.run(document)")["violations"]
            found += [f"{where}: {one['id']}: {one['nodes'][0]['html']}" for one in violations]
            if page.evaluate("document.documentElement.scrollWidth > window.innerWidth"):
                found.append(f"{where} is wider than the screen")
            if asked.get("shots"):
                page.screenshot(path=f"{asked['shots']}/{number:02}-{scheme}-{width}.png", full_page=True)
        found += [f"asks {one}" for one in requests if not one.startswith(asked["url"])]
        context.close()
    return found


def send_lock(page: Page, asked: dict[str, Any], door: str) -> None:
    page.goto(asked["url"] + "/locks")
    page.set_input_files("input[type=file]", asked["lock"])
    page.fill("input[name=before]", asked["date"])
    button = {"diff": "What changed between the dates?", "since": "Since when are all of them there?"}[door]
    page.get_by_role("button", name=button).click()


def walk(browser: Browser, asked: dict[str, Any]) -> dict[str, Any]:
    """What somebody without JavaScript does: from the first page to a line that is copied."""
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    messages: list[str] = []
    page.on("console", lambda one: messages.append(one.text))
    page.goto(asked["url"])
    page.get_by_role("textbox", name="Project").fill(asked["project"])
    page.get_by_label("Date").fill(asked["date"])
    page.get_by_role("button", name="Show").click()
    seen = {"project": page.url}
    seen["copied"] = copied(page, "pip install")
    page.get_by_role("link", name=asked["version"], exact=True).click()
    seen["version"] = page.url
    page.go_back()
    page.get_by_role("link", name="compare with now").click()
    seen["diff"] = page.url
    send_lock(page, asked, "since")
    page.get_by_role("link", name="A link to this result").click()
    seen["since"] = page.url
    heading = page.get_by_role("heading", level=1).inner_text()
    again = browser.new_context(java_script_enabled=False).new_page()
    again.goto(page.url)
    same = again.get_by_role("heading", level=1).inner_text() == heading
    again.context.close()  # the keys are for the page that is in front
    page.goto(asked["url"] + "/projects/" + asked["project"][:-1])
    page.get_by_role("link", name=asked["project"], exact=True).click()
    seen["meant"] = page.url
    page.bring_to_front()
    page.wait_for_load_state("load")
    page.keyboard.press("Tab")
    skip = page.locator(":focus").inner_text()
    return {"seen": seen, "same": same, "heading": heading, "messages": messages, "first_tab": skip}


def copied(page: Page, begin: str) -> str:
    """What is in the clipboard after a click on a line and Ctrl+C, by pasting it into a form of the mirror."""
    page.locator("pre code", has_text=begin).first.click()
    page.keyboard.press("Control+C")
    other = page.context.new_page()
    other.goto(page.url.partition("/projects")[0] + "/locks")
    other.locator("textarea").click()
    other.keyboard.press("Control+V")
    text: str = other.locator("textarea").input_value()
    other.close()
    return text


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(json.loads(sys.argv[1]))))
