// Where heads look: a token of the prompt that is pointed at, or reached by the arrow keys, becomes the one that looks.
// Its row stands in the table below; without script the last token's row is shown.
for (const looks of document.querySelectorAll(".looks")) {
  const rows = looks.nextElementSibling?.matches(".pattern") ? looks.nextElementSibling.querySelectorAll("tbody tr") : [];
  if (!rows.length) continue;
  const [said, chips] = [looks.querySelector("span"), [...looks.querySelectorAll("b")]];
  const first = said.textContent;
  const show = (from) => {
    const cells = rows[from].querySelectorAll("td");
    chips.forEach((chip, at) => {
      const percent = cells[at]?.textContent ?? "";
      chip.querySelector("small")?.remove();
      chip.className = (cells[at]?.className ?? "") + (at === from ? " from" : "");
      if (percent) chip.appendChild(document.createElement("small")).textContent = percent;
    });
    const last = from === chips.length - 1;
    said.textContent = last ? first : `${rows[from].querySelector("th").textContent} looks at`;
  };
  looks.tabIndex = 0;
  looks.role = "group";
  looks.ariaLabel = "Attention: arrow keys choose the token that looks";
  said.ariaLive = "polite";
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
