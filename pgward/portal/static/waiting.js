// A form that asks again and again whether somebody has said yes, without a new page each time: the
// page changes once the answer is another one.

for (const button of document.querySelectorAll("[data-submit-after]")) {
  const form = button.form;
  const kind = form.elements.kind.value;

  const ask = async () => {
    const answer = await fetch(form.action, {
      method: "POST",
      body: new URLSearchParams(new FormData(form)),
      headers: { Accept: "text/html" },
    });
    if (answer.redirected) return location.replace(answer.url);
    const text = await answer.text();
    const flow = text.match(/name="flow" value="([\w-]+)"/);
    // Another question, or a refusal: the page says it.
    if (!answer.ok || !flow || !text.includes(`name="kind" value="${kind}"`)) return form.submit();
    form.elements.flow.value = flow[1];
    setTimeout(turn, 1000 * Number(button.dataset.submitAfter));
  };

  const turn = () =>
    ask().catch(() => setTimeout(turn, 1000 * Number(button.dataset.submitAfter)));

  setTimeout(turn, 1000 * Number(button.dataset.submitAfter));
}
