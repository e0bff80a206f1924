import { say } from "../../../attention/viewer/language.js";

const questions = [...document.querySelectorAll(".question")];
const control = (name) => document.getElementById(name);
const [choice, all, answers] = ["choice", "all", "answers"].map(control);
const isPressed = (button) => button.getAttribute("aria-pressed") === "true";
const linked = () => Number(location.hash.slice(1)) - 1; // a link to one question: quiz.html#7
let shown = linked() in questions ? linked() : 0;

function show(index, { isMoved = true } = {}) {
  if (!(index in questions)) return;
  shown = index;
  const isAll = isPressed(all);
  questions.forEach((question, each) => question.classList.toggle("away", !isAll && each !== index));
  choice.value = index;
  if (!isMoved) return;
  history.replaceState(null, "", `#${index + 1}`);
  const title = choice.selectedOptions[0].textContent.replace(/^\S+\s/, "");
  control("said").textContent = say("asked", { number: index + 1, count: questions.length, title });
  if (isAll) questions[index].scrollIntoView();
}

function press(button) {
  button.setAttribute("aria-pressed", String(!isPressed(button)));
  return isPressed(button);
}

function move(step) {
  show(shown + step);
  questions[shown].querySelector("h2").focus({ preventScroll: !isPressed(all) });
}

control("previous").addEventListener("click", () => show(shown - 1));
control("next").addEventListener("click", () => show(shown + 1));
control("print").addEventListener("click", () => print());
choice.addEventListener("change", () => show(Number(choice.value)));
all.addEventListener("click", () => {
  press(all);
  show(shown);
});
answers.addEventListener("click", () => {
  const isOpen = press(answers);
  for (const details of document.querySelectorAll("details")) details.open = isOpen;
});
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.altKey || event.ctrlKey || event.metaKey || event.shiftKey || target === choice || isPressed(all)) return;
  const forward = document.documentElement.dir === "rtl" ? -1 : 1;
  const step = { ArrowRight: forward, ArrowLeft: -forward, PageDown: 1, PageUp: -1 }[key];
  const details = questions[shown].querySelector("details");
  if (step) move(step);
  else if (key === "Enter" && !target.closest("button, summary, a")) details.open = !details.open;
  else return;
  event.preventDefault();
});
addEventListener("hashchange", () => show(linked()));
control("controls").hidden = false;
show(shown, { isMoved: false });
