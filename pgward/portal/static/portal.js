// What little the pages do by themselves. Without it everything still works, by hand.

for (const button of document.querySelectorAll("[data-copy]")) {
  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(button.parentElement.querySelector("code, pre").textContent);
    const before = button.textContent;
    button.textContent = "Copied";
    setTimeout(() => (button.textContent = before), 2000);
  });
}

// Times in the reader's own zone.
for (const time of document.querySelectorAll("time[datetime]")) {
  const moment = new Date(time.dateTime);
  time.title = time.textContent;
  time.textContent = moment.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

// A form that asks again and again whether somebody has said yes.
for (const button of document.querySelectorAll("[data-submit-after]")) {
  setTimeout(() => button.form.requestSubmit(button), 1000 * Number(button.dataset.submitAfter));
}
