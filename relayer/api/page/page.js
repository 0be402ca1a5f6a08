"use strict";
// Everything shown comes from the relayer as text and is put into the page as text, never as markup.
const lighterman = (() => {
  const texts = {
    en: {}, zh: {}
  };
  let language = localStorage.getItem("language") || (navigator.language.startsWith("zh") ? "zh" : "en");
  const renderers = new Map();
  const model = new Map();

  const t = (key, values = {}) =>
    (texts[language][key] ?? texts.en[key] ?? key).replace(/\{(\w+)\}/g, (_, name) => values[name] ?? "");
  const addTexts = (more) => { for (const one of ["en", "zh"]) Object.assign(texts[one], more[one] ?? {}); };

  // An element with text or children; attributes by name.
  const el = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
      if (value !== undefined && value !== false) element.setAttribute(name, value === true ? "" : value);
    }
    element.append(...children.filter((child) => child !== undefined && child !== null));
    return element;
  };

  // Brings `parent` to have one child for each item, keeps those that are there, and leaves alone what has not changed:
  // focus and selection stay where they are.
  const rows = (parent, items, keyOf, make) => {
    const old = new Map([...parent.children].map((child) => [child.dataset.key, child]));
    let previous = null;
    for (const item of items) {
      const key = String(keyOf(item));
      const text = JSON.stringify([language, item]);
      let child = old.get(key);
      if (!child || child.shown !== text) {
        const fresh = make(item);
        fresh.dataset.key = key;
        fresh.shown = text;
        if (child) child.replaceWith(fresh);
        child = fresh;
      }
      old.delete(key);
      const place = previous ? previous.nextSibling : parent.firstChild;
      if (child !== place) parent.insertBefore(child, place);
      previous = child;
    }
    for (const gone of old.values()) gone.remove();
  };

  // A table row whose cells carry their column's name, for narrow screens.
  const row = (cells) => el("tr", {}, ...cells.map(([label, content, kind]) => {
    const cell = el("td", { "data-label": t(label), class: kind });
    cell.append(content);
    return cell;
  }));

  const seconds = (count) => {
    const whole = Math.max(0, Math.round(count));
    if (whole < 120) return t("n-seconds", { n: whole });
    if (whole < 7200) return t("n-minutes", { n: Math.round(whole / 60) });
    if (whole < 172800) return t("n-hours", { n: Math.round(whole / 3600) });
    return t("n-days", { n: Math.round(whole / 86400) });
  };
  const clock = (millis) => new Date(millis).toLocaleTimeString(language === "zh" ? "zh-CN" : "en-GB");
  const date = (secondsSince1970) => new Date(secondsSince1970 * 1000).toLocaleString(language === "zh" ? "zh-CN" : "en-GB");
  const short = (text) => (text.length > 14 ? `${text.slice(0, 8)}…${text.slice(-4)}` : text);
  const code = (text, shown = short(text)) => el("code", { title: text }, shown);

  const draw = (name) => { if (model.has(name)) for (const render of renderers.get(name) ?? []) render(model.get(name)); };
  const drawAll = () => {
    document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
    for (const element of document.querySelectorAll("[data-t]")) element.textContent = t(element.dataset.t);
    const button = document.getElementById("language");
    button.textContent = language === "zh" ? "English" : "中文";
    button.lang = language === "zh" ? "en" : "zh";
    for (const name of renderers.keys()) draw(name);
  };
  const on = (name, render) => { renderers.set(name, [...(renderers.get(name) ?? []), render]); };

  const start = () => {
    document.getElementById("language").addEventListener("click", () => {
      language = language === "zh" ? "en" : "zh";
      localStorage.setItem("language", language);
      drawAll();
    });
    drawAll();
    const listen = () => {
      const source = new EventSource("/api/events");
      for (const name of renderers.keys()) {
        source.addEventListener(name, (event) => {
          model.set(name, JSON.parse(event.data));
          draw(name);
        });
      }
      source.onopen = () => connection(true);
      source.onerror = () => {
        connection(false);
        // The browser tries again by itself unless the server said no.
        if (source.readyState === EventSource.CLOSED) setTimeout(listen, 2000);
      };
    };
    listen();
  };
  let connected = false;
  const connection = (is) => { connected = is; if (!is) stateLine("bad", t("disconnected")); };
  const stateLine = (kind, text) => {
    document.getElementById("state-dot").className = `dot ${kind}`;
    const element = document.getElementById("state-text");
    if (element.textContent !== text) element.textContent = text;
  };

  return { t, addTexts, el, rows, row, seconds, clock, date, short, code, on, start, stateLine, model };
})();

(() => {
  const { t, el, rows, row, seconds, clock, date, code, on, stateLine, model } = lighterman;

  lighterman.addTexts({
    en: {
      "skip": "Skip to content", "packets": "Packets", "packet": "Packet", "way": "Way", "progress": "Progress",
      "waits": "Waits for", "since": "Since", "no-packets": "No packets yet.", "chains": "Chains",
      "signers": "Relayer's accounts", "chain": "Chain", "account": "Account", "transactions": "Transactions",
      "open": "Under way", "trust": "Every chain proves to the other what it says; this page only shows.",
      "disconnected": "Not connected: the program has ended or cannot be reached. Trying again…",
      "running": "Relayer running · {n} packets under way", "stopped": "Relayer stopped · packets wait",
      "n-seconds": "{n} s", "n-minutes": "{n} min", "n-hours": "{n} h", "n-days": "{n} days",
      "height": "height {n}", "chain-id": "Chain id", "block-time": "Last block", "ago": "{time} ago",
      "validators": "Validators", "validators-line": "{n} with {keys} keys; {q} of {n} must seal", "validators-line-power": "{n} with {keys} keys; more than two thirds of the voting power must vote for a block", "power": "power {power}", "governance": "Governance",
      "governance-line": "{k} of {n} decide", "delay": "Delay of acts", "delay-none": "none (development)",
      "pending-acts": "Pending acts", "act-due": "{what}: due {time}", "act-approvals": "{what}: {n} approvals so far",
      "client": "Client of {chain}", "client-line": "{status}, at height {height}, state {age} old",
      "assurance": "Assurance", "expires": "Expires", "router": "Router", "consensus": "Consensus",
      "nodes": "Nodes", "node-ok": "answering", "node-unknown": "not heard of yet", "node-unreachable": "unreachable",
      "node-inconsistent": "contradict what is proven", "node-misconfigured": "not what the configuration says",
      "proven": "proven", "proven-against-outsiders": "proven against outsiders", "attested": "attested by {k} of {n}",
      "active": "active", "expired": "expired", "frozen": "frozen", "unknown": "not read yet",
      "trust-level": "Set changes", "trust-strict": "by a quorum of the trusted set", "trust-power": "by more than {share} of the trusted voting power",
      "trust-one-third": "by more than a third of the trusted set (weaker)",
      "missing": "announced, not found", "announced": "announced", "sent": "sent", "delivered": "delivered",
      "acknowledged": "acknowledged", "timed-out": "timed out",
      "w-nothing": "—", "w-turn": "its turn", "w-event": "its event", "w-look": "a look at the proven state",
      "w-transaction": "a transaction", "w-confirmation": "proof that it took effect",
      "w-acknowledgement": "the application's answer", "w-client": "a client that can be used", "w-node": "a node that answers",
      "w-honest-node": "a node that tells the truth", "w-refusal": "another attempt", "w-person": "a person",
      "account-line": "{included} final, {replaced} replaced", "open-line": "{open} sent, {queued} to come",
      "expires-line": "{date}, in {time}; ", "f-never": "never expires", "f-in-time": "will be refreshed in time",
      "f-late": "its refresh is late", "f-endangered": "its refresh does not come", "f-expired": "expired",
      "conflicts": "Headers that contradict one another", "at-height": "Height", "block-a": "One block", "block-b": "Another block",
      "verdict": "Verdict", "seen": "Seen", "certified": "certified", "not-certified": "not certified",
      "v-misbehaviour": "misbehaviour, not submitted yet", "v-submitted": "misbehaviour, submitted {time}", "v-unproven": "kept; proves nothing by itself",
      "path-stopped": "Path {path} carries nothing: ", "frozen-by": "Client {client} on {host} is frozen: {submitter} showed it {blocks}, in transaction {transaction}.",
      "frozen-unknown": "Client {client} on {host} is frozen.", "block-at": "block {hash} at height {height}", "and": " and ",
      "wait-governance": " Packets between {host} and {chain} wait until governance has chosen a branch."
    },
    zh: {
      "skip": "跳到正文", "packets": "数据包", "packet": "数据包", "way": "方向", "progress": "进度",
      "waits": "等待", "since": "自", "no-packets": "还没有数据包。", "chains": "链",
      "signers": "中继账户", "chain": "链", "account": "账户", "transactions": "交易",
      "open": "进行中", "trust": "每条链向对方证明自己所说的话；本页只作展示。",
      "disconnected": "未连接：程序已结束或无法访问，正在重试…",
      "running": "中继运行中 · {n} 个数据包在途", "stopped": "中继已停止 · 数据包在等待",
      "n-seconds": "{n} 秒", "n-minutes": "{n} 分钟", "n-hours": "{n} 小时", "n-days": "{n} 天",
      "height": "高度 {n}", "chain-id": "链 ID", "block-time": "最新区块", "ago": "{time}前",
      "validators": "验证者", "validators-line": "共 {n} 个，{keys} 密钥；{n} 个中至少 {q} 个须签封", "validators-line-power": "共 {n} 个，{keys} 密钥；区块须获三分之二以上投票权重", "power": "权重 {power}", "governance": "治理",
      "governance-line": "{n} 中 {k} 决定", "delay": "治理延迟", "delay-none": "无（仅供开发）",
      "pending-acts": "待执行事项", "act-due": "{what}：{time} 到期", "act-approvals": "{what}：已有 {n} 票",
      "client": "{chain} 的轻客户端", "client-line": "{status}，高度 {height}，状态距今 {age}",
      "assurance": "可信程度", "expires": "过期时间", "router": "路由合约", "consensus": "共识",
      "nodes": "节点", "node-ok": "正常应答", "node-unknown": "尚无应答", "node-unreachable": "无法访问",
      "node-inconsistent": "与已证明的事实矛盾", "node-misconfigured": "与配置不符",
      "proven": "已证明", "proven-against-outsiders": "对外部人已证明", "attested": "{n} 中 {k} 见证",
      "active": "有效", "expired": "已过期", "frozen": "已冻结", "unknown": "尚未读取",
      "trust-level": "验证者变更", "trust-strict": "须原集合法定多数", "trust-power": "须原集合投票权重 {share} 以上", "trust-one-third": "须原集合三分之一以上（较弱）",
      "missing": "已知有此包，未找到", "announced": "已宣告", "sent": "已发送", "delivered": "已送达",
      "acknowledged": "已确认", "timed-out": "已超时",
      "w-nothing": "—", "w-turn": "轮到它", "w-event": "其事件", "w-look": "查看已证明的状态",
      "w-transaction": "交易", "w-confirmation": "生效证明", "w-acknowledgement": "应用的答复",
      "w-client": "可用的客户端", "w-node": "应答的节点", "w-honest-node": "诚实的节点", "w-refusal": "再次尝试", "w-person": "人工处理",
      "account-line": "{included} 笔已入块，{replaced} 笔被替换", "open-line": "{open} 笔已发，{queued} 笔待发",
      "expires-line": "{date}，还有 {time}；", "f-never": "不会过期", "f-in-time": "将及时更新",
      "f-late": "更新已迟", "f-endangered": "到期前未能更新", "f-expired": "已过期",
      "conflicts": "相互矛盾的区块头", "at-height": "高度", "block-a": "一个区块", "block-b": "另一个区块",
      "verdict": "结论", "seen": "发现时间", "certified": "已认证", "not-certified": "未认证",
      "v-misbehaviour": "作恶，尚未提交", "v-submitted": "作恶，{time} 已提交", "v-unproven": "已留存；本身不构成证据",
      "path-stopped": "路径 {path} 已停止：", "frozen-by": "{host} 上的轻客户端 {client} 已冻结：{submitter} 在交易 {transaction} 中出示了{blocks}。",
      "frozen-unknown": "{host} 上的轻客户端 {client} 已冻结。", "block-at": "高度 {height} 的区块 {hash}", "and": "和",
      "wait-governance": "{host} 与 {chain} 之间的数据包等待治理选定分支。"
    }
  });

  const assurance = (value) => {
    if (value === null || value === undefined) return t("unknown");
    if (typeof value === "string") return t(value);
    return value.attested ? t("attested", value.attested) : JSON.stringify(value);
  };
  const number = (height) => (height ? height.number : "–");

  on("status", (status) => {
    const pending = status.paths.flatMap((path) => path.directions).reduce((sum, way) => sum + way.pending, 0);
    const troubled = status.chains.some((chain) => chain.node !== "ok");
    if (status.running) stateLine(troubled ? "warm" : "good", t("running", { n: pending }));
    else stateLine("bad", t("stopped"));
    document.getElementById("version").textContent = `Lighterman ${status.version}`;
    const clients = status.paths.flatMap((path) => path.clients);
    const facts = new Map(status.facts.map((fact) => [fact.name, fact]));
    rows(document.getElementById("chains"), status.chains.map((chain) => ({
      chain: { ...chain, seen_millis: 0 }, fact: facts.get(chain.name), age: chain.time_seconds && Math.floor(status.time_millis / 1000 - chain.time_seconds),
      hosted: clients.filter((client) => client.host_chain === chain.name).map((client) => ({ ...client }))
    })), (item) => item.chain.name, card);
    rows(document.querySelector("#signers tbody"), status.signers, (signer) => `${signer.chain}/${signer.account}`, (signer) => row([
      ["chain", signer.chain],
      ["account", code(signer.account)],
      ["transactions", t("account-line", signer), "number"],
      ["open", t("open-line", signer), "number"]
    ]));
    document.getElementById("signers").classList.add("stack");
    ways();
  });

  const card = ({ chain, fact, age, hosted }) => {
    const kind = chain.node === "ok" ? "good" : chain.node === "unknown" ? "warm" : "bad";
    const list = el("dl");
    const say = (label, ...content) => list.append(el("dt", {}, label), el("dd", {}, ...content));
    say(t("chain-id"), chain.chain_id + (fact ? ` · ${fact.consensus}` : ""));
    say(t("nodes"), el("span", { class: kind }, t(`node-${chain.node}`)), chain.note ? ` (${chain.note})` : "");
    if (chain.time_seconds) say(t("block-time"), t("ago", { time: seconds(age) }));
    if (fact && fact.validators.length) {
      const n = fact.validators.length, keys = fact.key_types.join(", ");
      const counted = fact.quorum.rule === "two-thirds-of-members";
      say(t("validators"), counted ? t("validators-line", { n, keys, q: Math.ceil(2 * n / 3) }) : t("validators-line-power", { n, keys }),
        el("ul", { class: "plain" }, ...fact.validators.map(({ id, power }) =>
          el("li", {}, code(id), power === null ? "" : ` ${t("power", { power })}`))));
    }
    for (const client of hosted) {
      const state = client.status ?? "unknown";
      const line = client.latest_height === null ? t("unknown") : t("client-line", {
        status: t(state), height: number(client.latest_height), age: seconds(client.freshness_seconds ?? 0) });
      say(t("client", { chain: client.follows_chain }), el("code", {}, client.id), " ", el("span", { class: state === "active" ? "good" : state === "unknown" ? "quiet" : "bad" }, line));
      say(t("assurance"), assurance(client.assurance));
      if (client.forecast) {
        const kind = { "endangered": "bad", "expired": "bad", "late": "warm" }[client.forecast];
        const when = client.expires_at_seconds ? t("expires-line", { date: date(client.expires_at_seconds), time: seconds(client.expires_in_seconds) }) : "";
        say(t("expires"), when, el("span", { class: kind }, t(`f-${client.forecast}`)));
      }
    }
    if (fact) {
      say(t("trust-level"), fact.trust_level.includes("/") ? t("trust-power", { share: fact.trust_level }) : t(`trust-${fact.trust_level}`));
      if (fact.governance) {
        const { governance } = fact;
        say(t("governance"), t("governance-line", { k: governance.threshold, n: governance.members.length }), " ", code(governance.address));
        say(t("delay"), governance.delay_seconds ? seconds(governance.delay_seconds) : el("span", { class: "warm" }, t("delay-none")));
        if (governance.pending.length) {
          say(t("pending-acts"), el("ul", { class: "plain" }, ...governance.pending.map((act) => el("li", {},
            act.due_seconds ? t("act-due", { what: act.what, time: date(act.due_seconds) }) : t("act-approvals", { what: act.what, n: act.approvals })))));
        }
      }
      if (fact.router) say(t("router"), code(fact.router));
    }
    return el("article", { class: "card" },
      el("h3", {}, el("span", { class: `dot ${kind}`, "aria-hidden": "true" }), chain.name,
        el("span", { class: "height" }, t("height", { n: number(chain.height) }))), list);
  };

  // Why a path carries nothing, by whoever showed its client what.
  const stopped = (path) => path.clients.filter((client) => client.status === "frozen").map((client) => {
    const by = client.frozen_by;
    const values = { client: client.id, host: client.host_chain, chain: client.follows_chain };
    const blocks = by?.blocks.map(([height, hash]) => t("block-at", { height: number(height), hash })).join(t("and"));
    const why = by ? t("frozen-by", { ...values, ...by, blocks: blocks || "–" }) : t("frozen-unknown", values);
    return { key: `${path.id}/${client.host}`, text: t("path-stopped", { path: path.id }) + why + t("wait-governance", values) };
  });
  const conflict = (one) => {
    const block = (header) => el("div", {}, code(header.hash), ` (${t(header.certified ? "certified" : "not-certified")})`, el("br"), header.origin);
    const verdict = one.submitted_millis ? t("v-submitted", { time: clock(one.submitted_millis) }) : t(one.misbehaviour ? "v-misbehaviour" : "v-unproven");
    const [first, second] = one.headers;
    return row([
      ["chain", one.chain],
      ["at-height", first.height.number === second.height.number ? String(number(first.height)) : `${number(first.height)}, ${number(second.height)}`, "number"],
      ["block-a", block(first)],
      ["block-b", block(second)],
      ["verdict", el("span", { class: one.misbehaviour ? "bad" : "warm" }, verdict)],
      ["seen", date(Math.floor(one.seen_millis / 1000)), "number"]
    ]);
  };
  on("status", (status) => {
    rows(document.getElementById("stopped"), status.paths.flatMap(stopped), (one) => one.key, (one) => el("p", { role: "alert" }, one.text));
    const conflicts = status.paths.flatMap((path) => path.conflicts.map((one) => ({ ...one, path: path.id })));
    document.getElementById("conflicts").hidden = conflicts.length === 0;
    document.querySelector("#conflicts table").classList.add("stack");
    rows(document.querySelector("#conflicts tbody"), conflicts, (one) => `${one.path}/${one.host_chain}/${one.headers.map((header) => header.hash).join("/")}`, conflict);
  });

  const names = (packet) => {
    const path = model.get("status")?.paths.find((one) => one.id === packet.path);
    const way = path?.directions.find((one) => one.direction === packet.direction);
    return way ? [way.source_chain, way.destination_chain] : ["a", "b"];
  };

  on("packets", (packets) => {
    document.getElementById("packets").classList.add("stack");
    rows(document.querySelector("#packets tbody"), packets.map((packet) => ({ ...packet, names: names(packet) })),
      (packet) => `${packet.path}/${packet.direction}/${packet.sequence}`, (packet) => row([
        ["packet", el("a", { href: `/api/packets/${packet.path}/${packet.direction}/${packet.sequence}` }, `${packet.path} ${packet.sequence}`), "number"],
        ["way", packet.names.join(" → ")],
        ["progress", progress(packet)],
        ["waits", waits(packet)],
        ["since", clock(packet.since_millis), "number"]
      ]));
    ways();
  });

  const progress = (packet) => {
    const order = ["sent", "delivered", "acknowledged"];
    const end = packet.state === "timed-out" ? ["sent", "timed-out"] : order;
    const reached = end.indexOf(packet.state);
    return el("ol", { class: "steps" }, ...end.map((state, index) => {
      const kind = state === "timed-out" ? "failed" : index <= reached ? "done" : index === reached + 1 ? "now" : undefined;
      return el("li", { class: kind, "aria-current": index === reached ? "step" : undefined }, t(state));
    }));
  };
  const waits = (packet) => {
    const text = t(`w-${packet.waiting}`);
    return packet.waiting === "person" ? el("strong", { class: "bad" }, `${text} (${packet.parked})`) : text;
  };

  // Where a packet is on its way, in per cent from the source's side: out with the cargo, back with the answer.
  const place = (packet) => ({ missing: 6, announced: 6, sent: packet.waiting === "transaction" || packet.waiting === "confirmation" ? 50 : 18,
    delivered: packet.waiting === "transaction" || packet.waiting === "confirmation" ? 60 : 94, acknowledged: 6, "timed-out": 6 }[packet.state] ?? 6);
  const LINGER_MILLIS = 4000;
  const ways = () => {
    const status = model.get("status");
    const packets = model.get("packets") ?? [];
    if (!status) return;
    const parent = document.getElementById("paths");
    for (const path of status.paths) {
      let box = [...parent.children].find((child) => child.dataset.key === path.id);
      if (!box) {
        box = el("div", { class: "path" }, el("div", { class: "ends" }), ...path.directions.map((way) => el("div", { class: "way", "data-way": way.direction })));
        box.dataset.key = path.id;
        parent.append(box);
      }
      const [there] = path.directions;
      rows(box.querySelector(".ends"), [there.source_chain, there.destination_chain], (name) => name, (name) => el("span", {}, name));
      for (const way of path.directions) {
        const strip = box.querySelector(`[data-way="${way.direction}"]`);
        const count = (state) => way.states.find((one) => one.state === state)?.count ?? 0;
        const arrow = way.direction === "a-to-b" ? "→" : "←";
        const label = `${arrow} ${t("acknowledged")} ${count("acknowledged")} · ${t("timed-out")} ${count("timed-out")} · ${t("open")} ${way.pending}`;
        let text = strip.querySelector(".label");
        if (!text) strip.append((text = el("span", { class: "label" })));
        if (text.textContent !== label) text.textContent = label;
        const settled = (packet) => packet.state === "acknowledged" || packet.state === "timed-out";
        const shown = packets.filter((packet) => packet.path === path.id && packet.direction === way.direction
          && (!settled(packet) || status.time_millis - packet.since_millis < LINGER_MILLIS)).slice(0, 12);
        const boats = new Map([...strip.querySelectorAll(".boat")].map((boat) => [boat.dataset.sequence, boat]));
        shown.forEach((packet, index) => {
          let boat = boats.get(String(packet.sequence));
          if (!boat) {
            strip.append((boat = el("span", { class: "boat", "data-sequence": packet.sequence, "aria-hidden": "true" }, String(packet.sequence))));
          }
          boats.delete(String(packet.sequence));
          const percent = Math.min(95, place(packet) + (index % 4) * 1.5);
          // Styles set by script are not the inline styles that the policy forbids.
          boat.style.left = `${way.direction === "a-to-b" ? percent : 100 - percent}%`;
          boat.classList.toggle("failed", packet.state === "timed-out");
          boat.title = `${packet.sequence}: ${t(packet.state)}`;
        });
        for (const gone of boats.values()) gone.remove();
      }
    }
  };
})();
/* extensions */
lighterman.start();
