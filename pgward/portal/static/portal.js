// What little the pages do by themselves. Without it everything still works, by hand.

// What a page, or a part of it that came later, needs to be whole.
export function dress(root) {
  for (const button of root.querySelectorAll("[data-copy]")) {
    button.hidden = !navigator.clipboard;
    button.addEventListener("click", () => copy(button));
  }
  // Times in the reader's own zone.
  for (const time of root.querySelectorAll("time[datetime]:not([data-relative])")) {
    const moment = new Date(time.dateTime);
    time.title = time.textContent;
    time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  }
}

async function copy(button) {
  await navigator.clipboard.writeText(button.parentElement.querySelector("code, pre").textContent);
  const before = button.textContent;
  button.textContent = "Copied";
  setTimeout(() => (button.textContent = before), 2000);
}

dress(document);

// On a phone a part's own navigation is a line that scrolls: begin where one is.
for (const nav of document.querySelectorAll(".side")) {
  const here = nav.querySelector("[aria-current]");
  if (here) nav.scrollLeft += here.getBoundingClientRect().left - nav.getBoundingClientRect().left - 16;
}

// A menu closes when its person goes on elsewhere.
for (const menu of document.querySelectorAll("details.menu")) {
  document.addEventListener("click", (event) => {
    if (!menu.contains(event.target)) menu.open = false;
  });
  menu.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !menu.open) return;
    menu.open = false;
    menu.querySelector("summary").focus();
  });
}
