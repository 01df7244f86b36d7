// Attention of a head: shows the attention from the token under the pointer, or from the one chosen by arrow keys.
// The numbers come from its row in the table below; without this script the last token's row is shown.
for (const looks of document.querySelectorAll(".looks")) {
  const rows = looks.nextElementSibling?.matches(".pattern") ? looks.nextElementSibling.querySelectorAll("tbody tr") : [];
  if (!rows.length) continue;
  const [caption, chips] = [looks.querySelector("span"), [...looks.querySelectorAll("b")]];
  const captionOfLast = caption.textContent;
  const show = (from) => {
    const cells = rows[from].querySelectorAll("td");
    chips.forEach((chip, at) => {
      const percent = cells[at]?.textContent ?? "";
      chip.querySelector("small")?.remove();
      chip.className = (cells[at]?.className ?? "") + (at === from ? " from" : "");
      if (percent) chip.appendChild(document.createElement("small")).textContent = percent;
    });
    const last = from === chips.length - 1;
    caption.textContent = last ? captionOfLast : `attention from ${rows[from].querySelector("th").textContent}`;
  };
  looks.tabIndex = 0;
  looks.role = "group";
  looks.ariaLabel = "Attention: arrow keys choose the destination token";
  caption.ariaLive = "polite";
  let at = chips.length - 1;
  const choose = (to) => show((at = Math.min(Math.max(to, 0), chips.length - 1)));
  chips.forEach((chip, i) => chip.addEventListener("pointerenter", () => choose(i)));
  looks.addEventListener("pointerleave", () => choose(chips.length - 1));
  looks.addEventListener("blur", () => choose(chips.length - 1));
  looks.addEventListener("keydown", (event) => {
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    if (!step) return;
    event.preventDefault();
    choose(at + step);
  });
}
