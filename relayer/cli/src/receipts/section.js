(() => {
  const { t, el, rows, row, code, on, addTexts } = lighterman;
  addTexts({
    en: {
      "receipts": "Warehouse receipts", "receipt": "Receipt", "quantity": "Quantity", "live-on": "Live on", "records": "As each chain says",
      "acts": "Acts", "no-receipts": "No receipts yet.", "on-the-way": "on the way", "redeemed-place": "nowhere: redeemed",
      "supply-issued": "issued", "supply-live": "live on {chain}", "supply-flight": "on the way", "supply-redeemed": "redeemed",
      "supply-ok": "the sum is right on all chains", "supply-bad": "THE SUM IS WRONG", "supply-moving": "counting while receipts move…",
      "loc-none": "not known", "loc-active": "active", "loc-lock-pending": "leaving", "loc-remote": "abroad", "loc-live": "live",
      "loc-return-pending": "returning", "loc-gone": "returned", "loc-redeemed": "redeemed", "home": "home"
    },
    zh: {
      "receipts": "仓单", "receipt": "仓单", "quantity": "数量", "live-on": "有效所在链", "records": "各链记录",
      "acts": "操作", "no-receipts": "还没有仓单。", "on-the-way": "在途", "redeemed-place": "已提货注销",
      "supply-issued": "已签发", "supply-live": "{chain} 有效", "supply-flight": "在途", "supply-redeemed": "已注销",
      "supply-ok": "各链总量相符", "supply-bad": "总量不符！", "supply-moving": "仓单移动中，正在清点…",
      "loc-none": "无记录", "loc-active": "有效", "loc-lock-pending": "转出中", "loc-remote": "在他链", "loc-live": "有效",
      "loc-return-pending": "退回中", "loc-gone": "已退回", "loc-redeemed": "已注销", "home": "签发链"
    }
  });

  // The demo puts its buttons here.
  lighterman.receiptActs = lighterman.receiptActs ?? (() => []);

  on("receipts", ({ receipts, supply }) => {
    rows(document.querySelector("#receipts tbody"), receipts, (receipt) => receipt.uid, (receipt) => {
      const place = receipt.live_on ?? (receipt.redeemed ? t("redeemed-place") : t("on-the-way"));
      const kind = receipt.live_on ? "good" : receipt.redeemed ? "quiet" : "warm";
      return row([
        ["receipt", el("span", {}, receipt.label ? el("strong", {}, `${receipt.label} `) : "", code(receipt.uid)), "number"],
        ["quantity", `${receipt.quantity} ${receipt.unit}`, "number"],
        ["live-on", el("span", { class: `place ${kind}` }, place)],
        ["records", el("span", {}, ...receipt.records.map((record) => el("span", { class: "record" },
          `${record.chain}${record.chain === receipt.home ? ` (${t("home")})` : ""}: ${t(`loc-${record.location}`)}`)))],
        ["acts", el("span", {}, ...lighterman.receiptActs(receipt)), "acts"]
      ]);
    });
    const some = [...document.querySelectorAll("#receipts .acts button")].length > 0;
    document.querySelector("#receipts th.acts").hidden = !some;
    const line = document.getElementById("supply");
    const parts = [[t("supply-issued"), supply.issued], ...supply.live.map((one) => [t("supply-live", one), one.quantity]),
      [t("supply-flight"), supply.in_flight], [t("supply-redeemed"), supply.redeemed]];
    const verdict = supply.settled ? (supply.right ? ["good", "supply-ok"] : ["bad", "supply-bad"]) : ["quiet", "supply-moving"];
    line.replaceChildren(...parts.map(([label, value]) => el("span", {}, `${label} `, el("b", {}, String(value)))),
      el("span", { class: verdict[0] }, t(verdict[1])));
  });
})();
