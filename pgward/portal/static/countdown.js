// How long something is still good, by the seconds that the page was told: the clock of this
// machine may be wrong.

for (const place of document.querySelectorAll("[data-seconds]")) {
  const end = performance.now() + 1000 * Number(place.dataset.seconds);
  const show = () => {
    const left = Math.ceil((end - performance.now()) / 1000);
    if (left <= 0) {
      const line = place.parentElement;
      line.setAttribute("role", "status");
      line.textContent = place.dataset.over;
      clearInterval(ticking);
      return;
    }
    const seconds = String(left % 60).padStart(2, "0");
    place.textContent = `, for another ${Math.floor(left / 60)}:${seconds}`;
  };
  const ticking = setInterval(show, 1000);
  show();
}
