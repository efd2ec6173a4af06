// Passkeys (WebAuthn), and what pages that use them have in common: asking the authority, and saying
// in plain words what came of it.

// What a person reads instead of the browser's own errors.
const PROBLEMS = {
  NotAllowedError: [
    "No passkey was used.",
    "It was cancelled, took too long, or there is no passkey for this page on this device. Try again, or choose another device when the browser asks.",
  ],
  InvalidStateError: [
    "This device has a passkey of yours already.",
    "It works as it is; choose another device to add one more.",
  ],
  SecurityError: [
    "Your browser does not allow passkeys at this address.",
    "The page's certificate must be trusted, and its address must be the authority's own. Ask your administrator.",
  ],
  ConstraintError: [
    "This security key cannot verify you.",
    "Set a PIN on it first, in the settings of your browser or operating system.",
  ],
  NotSupportedError: ["This device cannot make a passkey of a kind that is accepted here."],
};

class Refused extends Error {
  constructor(error) {
    super(error.message);
    this.hint = error.hint;
  }
}

function toBytes(text) {
  const plain = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(plain, (letter) => letter.charCodeAt(0));
}

function toText(buffer) {
  const plain = String.fromCharCode(...new Uint8Array(buffer));
  return btoa(plain).replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "");
}

function withBytes(descriptors) {
  return descriptors.map((each) => ({ ...each, id: toBytes(each.id) }));
}

function sentence(text) {
  const line = text.charAt(0).toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(line) ? line : `${line}.`;
}

// Returns an authenticator's answer to a challenge, in the JSON of the authority.
export async function get(options) {
  const { id, type, response } = await navigator.credentials.get({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      allowCredentials: withBytes(options.allowCredentials),
    },
  });
  const { clientDataJSON, authenticatorData, signature, userHandle } = response;
  return {
    id,
    type,
    response: {
      clientDataJSON: toText(clientDataJSON),
      authenticatorData: toText(authenticatorData),
      signature: toText(signature),
      userHandle: userHandle ? toText(userHandle) : null,
    },
  };
}

// Returns a new passkey, in the JSON of the authority.
export async function create(options) {
  const { id, type, response } = await navigator.credentials.create({
    publicKey: {
      ...options,
      challenge: toBytes(options.challenge),
      user: { ...options.user, id: toBytes(options.user.id) },
      excludeCredentials: withBytes(options.excludeCredentials),
    },
  });
  return {
    id,
    type,
    response: {
      clientDataJSON: toText(response.clientDataJSON),
      attestationObject: toText(response.attestationObject),
      transports: response.getTransports ? response.getTransports() : [],
    },
  };
}

// Returns what the authority answers; throws what `explain` explains.
export async function ask(path, body) {
  const answer = await fetch(path, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
    credentials: "omit",
    cache: "no-store",
  });
  const found = await answer.json();
  if (!answer.ok) throw new Refused(found.error);
  return found;
}

// Returns the lines to tell a person: what happened, and what to do.
export function explain(error) {
  if (error instanceof Refused) return [error.message, error.hint];
  if (error instanceof TypeError || error instanceof SyntaxError) {
    return ["The authority did not answer.", "See whether you are online, and try again."];
  }
  return PROBLEMS[error.name] ?? ["Your browser could not do this.", String(error.message)];
}

// Says something in the page's place for it; `kind` is busy, done or error.
export function say(kind, ...lines) {
  const message = document.getElementById("message");
  message.dataset.kind = kind;
  message.replaceChildren(
    ...lines.filter(Boolean).map((line) => {
      const paragraph = document.createElement("p");
      paragraph.textContent = sentence(line);
      return paragraph;
    }),
  );
}

// Has a form bring what the authority gave for a passkey: its fields voucher and state. `visit` asks
// the browser and the authority, and returns where that would send the browser.
export function bring(form, visit) {
  const button = form.querySelector("button");
  form.addEventListener("submit", async (event) => {
    if (form.elements.voucher.value) return;
    event.preventDefault();
    button.disabled = true;
    say("busy", "Your browser asks for your passkey now…");
    try {
      const brought = new URL((await visit()).redirect).searchParams;
      form.elements.voucher.value = brought.get("code");
      form.elements.state.value = brought.get("state");
      form.submit();
    } catch (error) {
      say("error", ...explain(error));
      button.disabled = false;
    }
  });
  if (window.PublicKeyCredential) {
    button.disabled = false;
  } else {
    say("error", "This browser cannot use passkeys here.");
  }
}
