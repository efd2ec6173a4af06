// Plays a recording: moments appear when it is time. What comes next is fetched as it is needed,
// and what is long past goes, so that a recording of any length can be watched.
import { read } from "./live.js";

const MOST = 600; // moments on the page
const AHEAD = 20; // so many are there before they are due
const PAUSE = 1; // seconds that are left of a longer one
const player = document.getElementById("player");
const scenes = document.getElementById("scenes");
const get = (id) => document.getElementById(id);
const path = player.dataset.path;
let length = Number(player.dataset.seconds);
let now = Number(player.dataset.at);
let next = get("moments").dataset.next;
let runs = get("moments").dataset.runs;
let playing = false;
let fetching = null;
let last = 0;
let moments = [...scenes.querySelectorAll("li[data-at]")];

const at = (moment) => Number(moment.dataset.at);

function clock(seconds) {
  const whole = Math.floor(seconds);
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const shown = `${two(Math.floor(whole / 60) % 60)}:${two(whole % 60)}.${String(Math.floor((seconds % 1) * 1000)).padStart(3, "0")}`;
  return hours ? `${hours}:${shown}` : shown;
}

// How many moments are over, or there just now.
function passed() {
  let low = 0;
  let high = moments.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (at(moments[middle]) <= now) low = middle + 1;
    else high = middle;
  }
  return low;
}

function show() {
  const count = passed();
  moments.forEach((each, index) => {
    each.hidden = playing && index >= count;
    each.classList.toggle("now", index === count - 1);
  });
  get("position").value = now;
  get("clock").value = clock(now);
  const x = length ? Math.min(1000, (1000 * now) / length) : 0;
  const needle = get("needle");
  needle.setAttribute("x1", x);
  needle.setAttribute("x2", x);
  needle.setAttribute("visibility", "visible");
  return count;
}

function look(index) {
  const moment = moments[Math.max(0, index - 1)];
  if (!moment) return;
  const top = moment.offsetTop - scenes.offsetTop;
  if (top < scenes.scrollTop || top + moment.offsetHeight > scenes.scrollTop + scenes.clientHeight) {
    scenes.scrollTop = top - scenes.clientHeight / 3;
  }
}

async function part(query) {
  const answer = await fetch(`${path}/part?${query}`, { headers: { Accept: "text/html" } });
  if (answer.redirected || !answer.ok) throw new Error("the recording cannot be read now");
  return read(await answer.text()).getElementById("moments");
}

function take(fresh) {
  next = fresh.dataset.next;
  runs = fresh.dataset.runs;
  const here = document.importNode(fresh, true);
  const list = scenes.querySelector("ol");
  for (const problem of here.querySelectorAll(":scope > .error")) list.before(problem);
  const more = [...here.querySelectorAll("li[data-at]")];
  list.append(...more);
  moments.push(...more);
  const gone = moments.length - MOST;
  if (gone > 0) {
    const kept = Math.min(gone, Math.max(0, passed() - AHEAD));
    for (const each of moments.splice(0, kept)) each.remove();
  }
  if (moments.length) length = Math.max(length, at(moments[moments.length - 1]));
  get("position").max = length;
  get("parts").hidden = true;
}

// What follows, once at a time.
function more() {
  if (!next || fetching) return fetching;
  fetching = part(next).then(take, say).finally(() => (fetching = null));
  return fetching;
}

function say(error) {
  stop();
  get("heard").textContent = error.message;
}

async function seek(seconds) {
  const was = playing;
  stop();
  now = Math.max(0, Math.min(seconds, length));
  const inside = moments.length && at(moments[0]) <= now && (now <= at(moments[moments.length - 1]) || !next);
  if (!inside) {
    try {
      const fresh = await part(`at=${now}`);
      scenes.querySelector("ol").replaceChildren();
      moments = [];
      take(fresh);
    } catch (error) {
      return say(error);
    }
  }
  history.replaceState(null, "", `${path}?at=${now.toFixed(3)}`);
  look(show());
  if (was) start();
}

function tick(time) {
  if (!playing) return;
  now += (Number(get("speed").value) * Math.max(0, time - last)) / 1000;
  last = time;
  const count = passed();
  const coming = moments[count];
  if (coming && get("idle").checked) {
    const before = count ? at(moments[count - 1]) : 0;
    if (at(coming) - now > PAUSE && now - before >= PAUSE) now = at(coming) - PAUSE;
  }
  const end = moments.length ? at(moments[moments.length - 1]) : 0;
  if (!coming && (next || runs)) now = Math.min(now, Math.max(end, 0)); // waits for what comes
  if (moments.length - count < AHEAD && !(runs && !moments.length)) ahead();
  now = Math.min(now, Math.max(length, end));
  look(show());
  if (!coming && !next && now >= length) return stop();
  requestAnimationFrame(tick);
}

let asked = 0;

// Of a session that runs there may be nothing yet: it is asked for every other second.
function ahead() {
  if (fetching || !next || performance.now() - asked < (runs ? 2000 : 0)) return;
  asked = performance.now();
  more();
}

function start() {
  if (now >= length && !next) now = 0;
  playing = true;
  last = performance.now();
  get("play").textContent = "Pause";
  requestAnimationFrame(tick);
}

function stop() {
  if (!playing) return;
  playing = false;
  get("play").textContent = "Play";
  history.replaceState(null, "", `${path}?at=${now.toFixed(3)}`);
  show();
}

get("play").addEventListener("click", () => (playing ? stop() : start()));
get("position").addEventListener("change", (event) => seek(Number(event.target.value)));
get("link").hidden = !navigator.clipboard;
get("link").addEventListener("click", async () => {
  await navigator.clipboard.writeText(`${location.origin}${path}?at=${now.toFixed(3)}`);
  get("heard").textContent = "Copied";
  get("link").textContent = "Copied";
  setTimeout(() => (get("link").textContent = "Copy a link to this moment"), 2000);
});
// Stamps, marks of the timeline, what was found.
document.addEventListener("click", (event) => {
  const link = event.target.closest?.("[data-seek]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  seek(Number(link.dataset.seek));
});
// Read by hand, more is there before the end is reached.
scenes.addEventListener("scroll", () => {
  if (scenes.scrollTop + 2 * scenes.clientHeight > scenes.scrollHeight && !playing) ahead();
});

get("controls").hidden = false;
look(show());
if (runs && next && now >= length) start(); // it is watched as it runs
