// The page's words, in English and Korean.

const EN = {
  run: "training", reset: "Same start", play: "Play", pause: "Pause", stepEpoch: "+ epoch", stepBatch: "+ batch",
  stepExample: "+ example", speed: "epochs/s", most: "most", rewind: "back to", epoch: "epoch", settings: "settings",
  data: "Data", network: "Network", output: "Output", curves: "Losses", guide: "Guide", many: "Many at once",
  files: "Take away", runs: "Fits", legend: "A line is a weight: blue above 0, orange below, the wider the larger. Choose a unit to see its formula and to set its weights. A dashed frame is a dead unit, a double one a saturated one.",
  asNumbers: "as numbers", showTest: "test data", discretise: "discretise", example: "example", valley: "J over w and b",
  diagnose: "Why does it not learn more?", seeds: "seeds", epochs: "epochs", train: "Train", survey: "Map of both", default: "default",
  copyPython: "Copy as Python", picture: "Picture", labFile: "Lab file", link: "Copy link", openLab: "open a lab file",
  openLink: "open a link", dataset: "data set", noise: "noise", share: "held out as test", rows: "rows", newData: "New points",
  newStart: "New start", features: "columns", table: "own table (CSV)", target: "target", loss: "loss", optimizer: "optimizer",
  rate: "learning rate", batch: "batch size", penalty: "regularisation", penaltyRate: "its rate",
  stop: "stop at loss", lessons: "lesson", none: "none", asData: "as the data ask", add: "Add layer", fewer: "one unit fewer",
  more: "one unit more", remove: "remove", activation: "activation", initializer: "initial weights", inputs: "inputs",
  unit: "unit", weight: "weight from", bias: "bias", forward: "Forward", backward: "Backward", step: "The optimizer's step",
  nothing: "Nothing found.", fix: "Fix it", why: "Why", instead: "Write", lost: "The lab does not answer; the page tries again. If it was ended, start onefit lab again.",
  noToken: "This address has no token, or another one. Open the address that onefit lab said.", ready: "ready", trains: "trains", rests: "rests",
  copied: "copied", answer: "Check", right: "Right.", wrong: "Not yet.", end: "End the lesson", across: "across", upwards: "upwards",
  dead: "dead", saturated: "saturated", gradient: "gradient", off: "This model was made in Python: change it there.",
  elsewhere: "This fit runs elsewhere; Pause ends it after the stretch that runs.", over: "This fit is over.", working: "works …", close: "Close", lookStep: "a weight's step",
  choose: "choose", test: "test", training: "training", class: "class", mapSays: "what the network answers over two columns", layer: "layer", dropout: "dropout", depth: "hidden layers", below: "below units", value: "value", rateNote: "dropped", size: "window", name: "name", seconds: "seconds", parameters: "weights", best: "best", findings: "findings", open: "open", member: "seed",
};

const KO = {
  run: "학습", reset: "같은 시작", play: "학습", pause: "멈춤", stepEpoch: "+ 에포크", stepBatch: "+ 배치", stepExample: "+ 예제 하나",
  speed: "초당 에포크", most: "최대", rewind: "되돌리기", epoch: "에포크", settings: "설정", data: "데이터", network: "신경망", output: "출력",
  curves: "손실", guide: "길잡이", many: "한꺼번에 여럿", files: "가져가기", runs: "학습 기록",
  legend: "선은 가중치입니다. 파랑은 양수, 주황은 음수이고 굵을수록 큽니다. 유닛을 고르면 공식이 보이고 가중치를 바꿀 수 있습니다. 점선 테두리는 죽은 유닛, 겹선은 포화된 유닛입니다.",
  asNumbers: "숫자로 보기", showTest: "테스트 데이터", discretise: "이산화", example: "예제", valley: "w와 b에 대한 J", diagnose: "왜 더 배우지 못할까?",
  seeds: "시드 수", epochs: "에포크 수", train: "학습", survey: "둘의 지도", default: "기본값", copyPython: "파이썬으로 복사", picture: "그림", labFile: "실험실 파일",
  link: "링크 복사", openLab: "실험실 파일 열기", openLink: "링크 열기", dataset: "데이터 집합", noise: "잡음", share: "테스트로 떼어 둘 비율", rows: "행 수",
  newData: "새 점들", newStart: "새 시작", features: "열", table: "내 표 (CSV)", target: "목표 열", loss: "손실 함수", optimizer: "옵티마이저",
  rate: "학습률", batch: "배치 크기", penalty: "규제", penaltyRate: "규제 세기", stop: "멈출 손실", lessons: "수업", none: "없음",
  asData: "데이터에 맞게", add: "층 더하기", fewer: "유닛 하나 빼기", more: "유닛 하나 더하기", remove: "빼기", activation: "활성화 함수", initializer: "초기 가중치",
  inputs: "입력", unit: "유닛", weight: "가중치, 입력", bias: "편향", forward: "순전파", backward: "역전파", step: "옵티마이저의 한 걸음", nothing: "찾은 것이 없습니다.",
  fix: "고치기", why: "까닭", instead: "쓸 것", lost: "실험실이 답하지 않아 다시 시도합니다. 끝났다면 onefit lab을 다시 시작하세요.",
  noToken: "주소에 토큰이 없거나 다릅니다. onefit lab이 알려 준 주소를 여세요.", ready: "준비됨", trains: "학습 중", rests: "멈춤", copied: "복사했습니다",
  answer: "확인", right: "맞습니다.", wrong: "아직 아닙니다.", end: "수업 끝내기", across: "가로", upwards: "세로", dead: "죽음", saturated: "포화", gradient: "기울기",
  off: "파이썬에서 만든 모델입니다. 거기서 바꾸세요.", elsewhere: "다른 곳에서 도는 학습입니다. 멈춤을 누르면 이번 구간 뒤에 끝납니다.", over: "학습이 끝났습니다.", working: "계산 중 …", close: "닫기",
  lookStep: "가중치의 한 걸음", choose: "고르기", test: "테스트", training: "학습", class: "클래스", mapSays: "두 열에 대한 신경망의 답", layer: "층", dropout: "드롭아웃", depth: "은닉층 수", below: "유닛 아래", value: "값", rateNote: "끄는 비율", size: "창 크기", name: "이름", seconds: "초", parameters: "가중치 수", best: "최저", findings: "찾은 것", open: "열기", member: "시드",
};

let language = "en";
export const current = () => language;
export const say = (name) => (language === "ko" && KO[name]) || EN[name] || name;

export function speak(chosen) {
  language = chosen === "ko" ? "ko" : "en";
  document.documentElement.lang = language;
  for (const element of document.querySelectorAll("[data-say]")) {
    const text = say(element.dataset.say);
    if (element.dataset.sayOn) element.setAttribute(element.dataset.sayOn, text);
    else element.textContent = text;
  }
}
