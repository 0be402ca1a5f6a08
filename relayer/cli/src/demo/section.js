(() => {
  const { t, el, rows, on, addTexts } = lighterman;
  addTexts({
    en: {
      "demo": "Try it", "demo-issue": "Issue a receipt", "demo-quantity": "Quantity (kg)", "demo-where": "on", "demo-power": "power {power}, ", "demo-send": "Send to {chain}", "demo-return": "Return",
      "demo-redeem": "Redeem", "demo-stop": "Stop", "demo-start": "Start", "demo-stop-relayer": "Stop the relayer", "demo-start-relayer": "Start the relayer",
      "demo-story": "What happened so far", "demo-validators": "Validators of {chain}", "demo-online": "sealing", "demo-offline": "stopped",
      "demo-done": "Done: {what}", "demo-refused": "Refused: {why}", "demo-working": "{what}…", "demo-preparing": "The chains are being prepared…",
      "demo-hint": "These levers exist in the demo only. Stop the relayer, send receipts, start it again and see it catch up; stop a validator and see the chain go on with three of four; stop two and see it stand still."
    },
    zh: {
      "demo": "动手试试", "demo-issue": "签发仓单", "demo-quantity": "数量（千克）", "demo-where": "签发于", "demo-power": "权重 {power}，", "demo-send": "转往 {chain}", "demo-return": "退回",
      "demo-redeem": "提货注销", "demo-stop": "停止", "demo-start": "启动", "demo-stop-relayer": "停止中继", "demo-start-relayer": "启动中继",
      "demo-story": "已经发生的事", "demo-validators": "{chain} 的验证者", "demo-online": "签封中", "demo-offline": "已停止",
      "demo-done": "完成：{what}", "demo-refused": "被拒绝：{why}", "demo-working": "{what}…", "demo-preparing": "正在准备各条链…",
      "demo-hint": "这些操作只在演示中存在。停止中继、转出仓单，再启动它，看它如何追上；停一个验证者，链照常出块；停两个，链停止出块。"
    }
  });

  const answer = (kind, text) => {
    const line = document.getElementById("demo-answer");
    line.className = kind;
    line.textContent = text;
  };
  const act = async (button, what, path, body) => {
    button.disabled = true;
    answer("quiet", t("demo-working", { what }));
    try {
      const response = await fetch(path, { method: "POST", headers: { "content-type": "application/json" }, body: JSON.stringify(body) });
      const said = await response.json();
      if (response.ok) answer("good", t("demo-done", { what }));
      else answer("bad", t("demo-refused", { why: said.error }));
    } catch (error) {
      answer("bad", t("demo-refused", { why: error.message }));
    } finally {
      button.disabled = false;
    }
  };
  const button = (label, path, body) => {
    const one = el("button", { type: "button" }, label);
    one.addEventListener("click", () => act(one, label, path, body));
    return one;
  };

  const verbs = (receipt) => receipt.acts.flatMap((verb) => verb === "send"
    ? receipt.away.map((to) => [t("demo-send", { chain: to }), verb, { uid: receipt.uid, to }])
    : [[t(`demo-${verb}`), verb, { uid: receipt.uid }]]);
  lighterman.receiptActs = (receipt) => verbs(receipt).map(([label, verb, body]) => {
    const one = button(label, `/demo/${verb}`, body);
    one.setAttribute("aria-label", `${label}: ${receipt.label ?? receipt.uid}`);
    return one;
  });

  const where = document.getElementById("issue-chain");
  document.getElementById("issue").addEventListener("submit", (event) => {
    event.preventDefault();
    const quantity = Number(document.getElementById("issue-quantity").value);
    act(document.getElementById("issue-button"), t("demo-issue"), "/demo/issue", { chain: where.value, quantity });
  });
  const relayer = document.getElementById("relayer-button");
  let running = true;
  relayer.addEventListener("click", () =>
    act(relayer, t(running ? "demo-stop-relayer" : "demo-start-relayer"), "/demo/relayer", { running: !running }));

  on("demo", (demo) => {
    running = demo.relayer_running;
    relayer.textContent = t(running ? "demo-stop-relayer" : "demo-start-relayer");
    document.getElementById("issue-button").disabled = !demo.ready;
    relayer.disabled = !demo.ready;
    for (const { chain } of demo.validators) {
      if (![...where.options].some((option) => option.value === chain)) where.append(el("option", { value: chain }, chain));
    }
    rows(document.getElementById("validators"), demo.validators, (one) => one.chain, ({ chain, validators }) =>
      el("div", { class: "card" }, el("h3", {}, t("demo-validators", { chain })), el("ul", {}, ...validators.map(({ name, address, power, online }) => {
        const label = t(online ? "demo-stop" : "demo-start");
        const one = button(label, "/demo/validator", { chain, address, online: !online });
        one.setAttribute("aria-label", `${label}: ${name}, ${chain}`);
        return el("li", { title: address }, el("span", { class: `dot ${online ? "good" : "bad"}`, "aria-hidden": "true" }), `${name}, `, power > 1 ? t("demo-power", { power }) : "", t(online ? "demo-online" : "demo-offline"), one);
      }))));
    const zh = document.documentElement.lang.startsWith("zh");
    rows(document.getElementById("story"), demo.story.map((step, index) => ({ ...step, index })).reverse(), (step) => step.index, (step) =>
      el("li", { class: step.failed ? "bad" : undefined }, el("time", {}, `${(step.after_millis / 1000).toFixed(1)} s `), zh ? step.zh : step.en));
  });
})();
