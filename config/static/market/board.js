// Drawing over free days of an item, with a mouse or a pen, opens the form with the first and the last of them. A tap or a click on a day is
// a link, and so is "Book" beside an item: nothing needs the script.
"use strict";
{
  const board = document.querySelector(".board");
  let first = null;
  let chosen = [];

  const dayAt = (target) => target instanceof Element && target.closest(".board td > a[tabindex]");

  const choose = (links) => {
    for (const link of chosen) link.classList.remove("chosen");
    chosen = links;
    for (const link of chosen) link.classList.add("chosen");
  };

  // The free days from the first one towards another cell of the same line, up to what is taken.
  const upTo = (cell) => {
    const start = first.parentElement;
    const forward = start.compareDocumentPosition(cell) & Node.DOCUMENT_POSITION_FOLLOWING;
    const links = [first];
    for (let at = start; at !== cell;) {
      at = forward ? at.nextElementSibling : at.previousElementSibling;
      const link = at && at.querySelector(":scope > a[tabindex]");
      if (!link) break;
      if (forward) links.push(link);
      else links.unshift(link);
    }
    return links;
  };

  const periodOf = (links) => {
    const address = new URL(links[0].href);
    const last = new URL(links.at(-1).href).searchParams;
    address.searchParams.set("to", last.get("to") || last.get("from").slice(0, 10));
    return address;
  };

  const end = () => {
    choose([]);
    first = null;
  };

  if (board) {
    board.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 || event.pointerType === "touch") return;
      first = dayAt(event.target) || null;
    });
    board.addEventListener("dragstart", (event) => {
      if (dayAt(event.target)) event.preventDefault();
    });
    board.addEventListener("pointermove", (event) => {
      const cell = first && event.target instanceof Element && event.target.closest("td");
      if (cell && cell.parentElement === first.closest("tr")) choose(upTo(cell));
    });
    document.addEventListener("pointerup", () => {
      const links = chosen;
      end();
      if (links.length > 1) window.location.assign(periodOf(links));
    });
    document.addEventListener("pointercancel", end);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape") end();
    });
  }
}
