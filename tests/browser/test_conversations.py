"""Two sides of a conversation: registering, the desk, writing, notes, reading, and what is done with messages."""

from __future__ import annotations

import re

from playwright.async_api import expect

from tests.browser.chromium import Windows
from tests.browser.office import (
    PASSWORD,
    Office,
    composer,
    enter_room,
    line,
    messages,
    open_for,
    sign_in,
    write,
)


async def test_a_customer_registers_and_is_answered_from_the_desk(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    customer = await windows.open()
    await customer.get_by_role("button", name="Register as a customer").click()
    await customer.get_by_label("Your name").fill("Mara Okafor")
    await customer.get_by_label("Your company or household").fill("Northwind Bakery")
    await customer.get_by_label("E-mail").fill("mara@northwind.example")
    await customer.get_by_label("Password").fill(PASSWORD)
    await customer.get_by_role("button", name="Register").click()
    await customer.get_by_role("link", name="New room").first.click()
    await customer.get_by_label("What is it about?").fill("Annual accounts")
    await customer.get_by_role("button", name="Open the room").click()
    await write(customer, "The oven has no invoice.")
    await expect(messages(customer)).to_have_text(["The oven has no invoice."])

    provider = await open_for(windows, staff)
    await provider.get_by_role("link", name="Desk").click()
    card = provider.locator(".card", has_text="Annual accounts")
    await expect(card).to_contain_text("Northwind Bakery")
    assert "oven" not in await provider.locator("body").inner_text(), "who has not joined does not read"
    await card.get_by_role("button", name="Join Annual accounts").click()
    await expect(messages(provider)).to_have_text(["The oven has no invoice."])
    await expect(customer.locator(".room-facts")).to_contain_text("1 here")

    await composer(provider).press_sequentially("A delivery")
    await expect(customer.locator("typing-line")).to_have_text("Jonas Hartmann is writing…")
    await composer(provider).press_sequentially(" note will do.")
    await composer(provider).press("Enter")
    await expect(messages(customer)).to_have_text(["The oven has no invoice.", "A delivery note will do."])
    await expect(customer.locator("typing-line")).to_have_text("")
    await expect(provider.locator(".read-by")).to_have_text("Read by Mara Okafor")
    await provider.get_by_role("link", name="Desk").click()
    await expect(provider.get_by_text("Nobody is waiting")).to_be_visible()


async def test_no_customer_can_notice_an_internal_note(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Priya Raman")
    person = await office.make_customer("Tomás Ibarra", "Ibarra Carpentry")
    room = await office.make_room(person, "VAT return", staff)
    staff_stream = (await staff.do("list_rooms"))["rooms"][0]["staff_stream"]
    customer = await windows.open()
    frames: list[str] = []
    customer.on(
        "websocket", lambda socket: socket.on("framereceived", lambda frame: frames.append(str(frame)))
    )
    await sign_in(customer, person)
    await enter_room(customer, "VAT return")
    provider = await open_for(windows, staff)
    await enter_room(provider, "VAT return")
    await provider.get_by_role("link", name="Internal notes").click()
    await expect(provider.get_by_text("never by a customer")).to_be_visible()
    await write(provider, "He has not paid yet")
    await expect(messages(provider)).to_have_text(["He has not paid yet"])
    await provider.get_by_role("link", name="Conversation").click()
    await expect(provider.get_by_role("textbox", name="Message", exact=True)).to_be_visible()
    await write(provider, "Good morning")
    await expect(messages(customer)).to_have_text(["Good morning"])
    heard = "".join(frames)
    assert room["stream"] in heard, "nothing was heard: this proves nothing"
    assert staff_stream not in heard
    assert "has not paid" not in heard
    assert "staff_" not in heard
    page = await customer.content()
    assert "Internal notes" not in page
    await expect(line(customer, "VAT return").locator(".count")).to_have_count(0)


async def test_messages_are_edited_deleted_answered_and_reacted_to(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Deeds", staff)
    await person.say(room["stream"], "Twelve loaves")
    provider = await open_for(windows, staff)
    customer = await open_for(windows, person)
    for page in (provider, customer):
        await enter_room(page, "Deeds")

    loaves = customer.locator(".message", has_text="Twelve loaves")
    await loaves.hover()
    await loaves.get_by_role("button", name="Edit").click()
    await composer(customer).fill("Thirteen loaves")
    await composer(customer).press("Enter")
    await expect(messages(provider)).to_have_text(["Thirteen loaves"])
    await expect(provider.locator(".edited")).to_be_visible()

    loaves = provider.locator(".message", has_text="Thirteen loaves")
    await loaves.hover()
    await loaves.get_by_role("button", name="React 👍").click()
    await expect(customer.locator(".reaction")).to_have_attribute("title", "👍 by Jonas Hartmann")
    await loaves.get_by_role("button", name="More reactions").click()
    await provider.get_by_role("dialog").get_by_role("button", name="React 💡").click()
    await expect(customer.locator(".reaction")).to_have_count(2)
    await provider.locator(".reaction", has_text="👍").click()
    await expect(customer.locator(".reaction")).to_have_count(1)

    await loaves.hover()
    await loaves.get_by_role("button", name="Reply").click()
    await composer(provider).press_sequentially("A dozen, @mar")
    await provider.get_by_role("option", name="Mara Okafor").click()
    await composer(provider).press("Enter")
    reply = customer.locator(".message", has_text="A dozen")
    await expect(reply.locator(".quote")).to_contain_text("Thirteen loaves")
    await expect(reply.locator(".mention.mine")).to_have_text("@Mara Okafor")

    await customer.locator(".message", has_text="Thirteen").first.hover()
    await customer.locator(".message").first.get_by_role("button", name="Delete").click()
    await customer.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(provider.locator(".bubble.is-deleted")).to_have_text("This message was deleted.")
    await expect(reply.locator(".quote")).to_contain_text("This message was deleted.")


async def test_unread_counts_follow_what_is_read_on_another_device(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Lena Voss", "Voss & Daughters")
    room = await office.make_room(person, "Counting", staff)
    other = await office.make_room(person, "Elsewhere", staff)
    await person.say(other["stream"], "Here too")
    laptop = await open_for(windows, staff)
    await enter_room(laptop, "Elsewhere")
    for text in ("One", "Two", "@Jonas Hartmann three"):
        mentions = [staff.id] if text.startswith("@") else []
        await person.say(room["stream"], text, mentions=mentions)
    await expect(line(laptop, "Counting").locator(".count")).to_have_text(
        re.compile("3 unread, you are mentioned")
    )
    await expect(laptop).to_have_title(re.compile(r"^\(3\) Elsewhere"))
    await expect(laptop.locator("link[rel=icon]")).to_have_attribute("href", re.compile("unread"))

    phone = await open_for(windows, staff, size=(390, 844), has_touch=True)
    await phone.locator(".room-link", has_text="Counting").click()
    await expect(phone.locator(".new-divider")).to_have_text("New messages")
    await expect(messages(phone)).to_have_count(3)
    await expect(line(laptop, "Counting").locator(".count")).to_have_count(0)
    await expect(laptop).to_have_title(re.compile("^Elsewhere"))
    await expect(laptop.locator("link[rel=icon]")).to_have_attribute("href", "/static/icon.svg")


async def test_text_is_shown_as_it_was_written(office: Office, windows: Windows) -> None:
    staff = await office.make_staff("Jonas Hartmann")
    person = await office.make_customer("Mara Okafor", "Northwind Bakery")
    room = await office.make_room(person, "Markup", staff)
    text = "<img src=x onerror=alert(1)> &amp;\n  two  spaces https://example.org/a?b=1. javascript:alert(1) שלום"
    await person.say(room["stream"], text)
    page = await open_for(windows, staff)
    await enter_room(page, "Markup")
    shown = messages(page).first
    assert await shown.text_content() == text
    await expect(shown.locator("img")).to_have_count(0)
    link = shown.locator("a")
    await expect(link).to_have_count(1)
    await expect(link).to_have_attribute("href", "https://example.org/a?b=1")
    await expect(link).to_have_attribute("rel", "noopener nofollow noreferrer")
    await expect(link).to_have_attribute("target", "_blank")
