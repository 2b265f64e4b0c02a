/** Owns waiting for a payment: asks what became of it, and shows the page anew once that is known. */

const LOOK_MS = 2_000;

const { payment = "", state = "open" } = document.body.dataset;

const looking = setInterval(async () => {
  const answer = await fetch(`/v1/payments/${payment}`).catch(() => null);
  const { status = state } = answer?.ok ? await answer.json() : {};
  if (status === state) return;
  clearInterval(looking);
  location.reload();
}, LOOK_MS);
