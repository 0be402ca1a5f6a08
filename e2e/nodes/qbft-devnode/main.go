// qbft-devnode runs one EVM chain whose headers are QBFT headers, with all validator keys in the process.
package main

import (
	"crypto/ecdsa"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"math/big"
	"math/rand"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/filters"
	"github.com/ethereum/go-ethereum/eth/tracers"
	_ "github.com/ethereum/go-ethereum/eth/tracers/native"
	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
	"github.com/ethereum/go-ethereum/rpc"
)

// network is written to network.json and read back on a restart.
type network struct {
	PID        int        `json:"pid"`
	URL        string     `json:"url"`
	ChainID    uint64     `json:"chain_id"`
	Fork       string     `json:"fork"`
	PeriodMS   int        `json:"period_ms"`
	Epoch      uint64     `json:"epoch"`
	Genesis    string     `json:"genesis_hash"`
	Validators []keyEntry `json:"validators"` // in the genesis header
	Candidates []keyEntry `json:"candidates"` // known keys that are not validators at genesis
	Accounts   []keyEntry `json:"accounts"`   // funded
}

type keyEntry struct {
	Address    common.Address `json:"address"`
	PrivateKey string         `json:"private_key"`
}

func newKeys(n int) []keyEntry {
	out := make([]keyEntry, n)
	for i := range out {
		k, err := crypto.GenerateKey()
		check(err)
		out[i] = keyEntry{crypto.PubkeyToAddress(k.PublicKey), "0x" + common.Bytes2Hex(crypto.FromECDSA(k))}
	}
	return out
}

func (k keyEntry) key() *ecdsa.PrivateKey {
	key, err := crypto.ToECDSA(common.FromHex(k.PrivateKey))
	check(err)
	return key
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, "qbft-devnode:", err)
		os.Exit(1)
	}
}

// chainConfig activates every fork up to and including the named one at genesis.
func chainConfig(fork string, id uint64) *params.ChainConfig {
	order := []string{"berlin", "london", "shanghai", "cancun", "prague", "osaka"}
	level := slices.Index(order, fork)
	if level < 0 {
		check(fmt.Errorf("unknown fork %q, have %v", fork, order))
	}
	z, t := big.NewInt(0), new(uint64)
	c := &params.ChainConfig{
		ChainID: new(big.Int).SetUint64(id), HomesteadBlock: z, EIP150Block: z, EIP155Block: z, EIP158Block: z, ByzantiumBlock: z,
		ConstantinopleBlock: z, PetersburgBlock: z, IstanbulBlock: z, MuirGlacierBlock: z, BerlinBlock: z, TerminalTotalDifficulty: z,
	}
	if level >= 1 {
		c.LondonBlock, c.ArrowGlacierBlock, c.GrayGlacierBlock = z, z, z
	}
	if level >= 2 {
		c.ShanghaiTime = t
	}
	if level >= 3 {
		c.CancunTime = t
		c.BlobScheduleConfig = &params.BlobScheduleConfig{Cancun: params.DefaultCancunBlobConfig}
	}
	if level >= 4 {
		c.PragueTime = t
		c.BlobScheduleConfig.Prague = params.DefaultPragueBlobConfig
	}
	if level >= 5 {
		c.OsakaTime = t
		c.BlobScheduleConfig.Osaka = params.DefaultOsakaBlobConfig
	}
	return c
}

func genesis(nw *network, gasLimit uint64) *core.Genesis {
	var set []common.Address
	for _, v := range nw.Validators {
		set = append(set, v.Address)
	}
	slices.SortFunc(set, func(a, b common.Address) int { return a.Cmp(b) })
	extra := types.BFTExtra{Vanity: make([]byte, 32), Validators: set}
	g := &core.Genesis{
		Config: chainConfig(nw.Fork, nw.ChainID), GasLimit: gasLimit, Difficulty: big.NewInt(1), Mixhash: types.BFTDigest, ExtraData: extra.Encode(),
		Alloc: types.GenesisAlloc{},
	}
	if g.Config.LondonBlock != nil {
		g.BaseFee = big.NewInt(7)
	}
	if g.Config.CancunTime != nil {
		g.Alloc[params.BeaconRootsAddress] = types.Account{Nonce: 1, Code: params.BeaconRootsCode, Balance: common.Big0}
	}
	if g.Config.PragueTime != nil {
		g.Alloc[params.HistoryStorageAddress] = types.Account{Nonce: 1, Code: params.HistoryStorageCode, Balance: common.Big0}
		g.Alloc[params.WithdrawalQueueAddress] = types.Account{Nonce: 1, Code: params.WithdrawalQueueCode, Balance: common.Big0}
		g.Alloc[params.ConsolidationQueueAddress] = types.Account{Nonce: 1, Code: params.ConsolidationQueueCode, Balance: common.Big0}
	}
	for _, a := range nw.Accounts {
		g.Alloc[a.Address] = types.Account{Balance: new(big.Int).Mul(big.NewInt(1_000_000), big.NewInt(params.Ether))}
	}
	return g
}

func main() {
	dir := flag.String("dir", "", "data directory (required)")
	port := flag.Int("port", 8545, "JSON-RPC port on 127.0.0.1, HTTP and WebSocket; 0 takes a free one (see url in network.json)")
	nval := flag.Int("validators", 4, "validators in the genesis header")
	ncand := flag.Int("candidates", 2, "further keys, for votes")
	nacc := flag.Int("accounts", 4, "funded accounts")
	period := flag.Int("period-ms", 1000, "block period; below 1000 the timestamps run ahead of the clock")
	timeout := flag.Int("timeout-ms", 1000, "timeout of round 0; doubles each round")
	epoch := flag.Uint64("epoch", 30000, "open votes are dropped every so many blocks")
	fork := flag.String("fork", "london", "berlin, london, shanghai, cancun, prague or osaka")
	chainID := flag.Uint64("chain-id", 1337, "chain id")
	gasLimit := flag.Uint64("gas-limit", 100_000_000, "block gas limit")
	verbose := flag.Bool("verbose", false, "geth's log on standard error")
	leash := flag.Bool("until-stdin-closes", false, "end when standard input closes, so that the node never outlives the test that started it")
	flag.Parse()
	if *dir == "" {
		check(fmt.Errorf("-dir is required"))
	}
	level := slog.LevelError // from Cancun on, geth warns at every block that none is finalized
	if *verbose {
		level = slog.LevelInfo
	}
	log.SetDefault(log.NewLogger(log.NewTerminalHandlerWithLevel(os.Stderr, level, false)))
	check(os.MkdirAll(*dir, 0o755))

	nw := &network{ChainID: *chainID, Fork: *fork, PeriodMS: *period, Epoch: *epoch}
	file := filepath.Join(*dir, "network.json")
	if old, err := os.ReadFile(file); err == nil {
		check(json.Unmarshal(old, nw))
	} else {
		nw.Validators, nw.Candidates, nw.Accounts = newKeys(*nval), newKeys(*ncand), newKeys(*nacc)
	}
	nw.PID = os.Getpid()

	eng := &engine{keys: map[common.Address]*validator{}, epoch: nw.Epoch, vanity: make([]byte, 32), snaps: map[common.Hash]*snapshot{}}
	for _, k := range slices.Concat(nw.Validators, nw.Candidates) {
		eng.keys[k.Address] = &validator{addr: k.Address, key: k.key(), online: true, ballots: map[common.Address]bool{}}
	}
	ethconfig.EngineOverride = eng

	modules := []string{"eth", "net", "web3", "debug", "txpool", "qbft", "istanbul", "lab"}
	stack, err := node.New(&node.Config{
		DataDir: *dir, Name: "qbft-devnode", HTTPHost: "127.0.0.1", HTTPPort: *port, HTTPModules: modules, HTTPTimeouts: rpc.DefaultHTTPTimeouts,
		WSHost: "127.0.0.1", WSPort: *port, WSModules: modules, BatchRequestLimit: 1000, BatchResponseMaxSize: 25 << 20,
		P2P: p2p.Config{NoDiscovery: true, NoDial: true, MaxPeers: 0},
	})
	check(err)
	cfg := ethconfig.Defaults
	cfg.Genesis, cfg.NetworkId, cfg.SyncMode = genesis(nw, *gasLimit), nw.ChainID, ethconfig.FullSync
	cfg.StateScheme, cfg.NoPruning = rawdb.HashScheme, true // eth_getProof at any height
	cfg.DatabaseCache, cfg.TrieCleanCache, cfg.TrieDirtyCache, cfg.SnapshotCache = 16, 16, 16, 0
	cfg.Miner.GasCeil, cfg.Miner.GasPrice = *gasLimit, big.NewInt(1)
	cfg.TxPool.PriceLimit, cfg.TxPool.Journal, cfg.TxPool.Rejournal = 1, "", time.Hour
	cfg.RPCTxFeeCap = 0
	backend, err := eth.New(stack, &cfg)
	check(err)
	fs := filters.NewFilterSystem(backend.APIBackend, filters.Config{LogCacheSize: 100})
	lab := &labAPI{eng: eng, eth: backend}
	stack.RegisterAPIs(append(tracers.APIs(backend.APIBackend),
		rpc.API{Namespace: "eth", Service: filters.NewFilterAPI(fs)},
		rpc.API{Namespace: "lab", Service: lab},
		rpc.API{Namespace: "qbft", Service: &besuAPI{lab}},
		rpc.API{Namespace: "istanbul", Service: &quorumAPI{lab}}))
	check(stack.Start())
	check(backend.Miner().SetGasTip(big.NewInt(1)))

	nw.URL = stack.HTTPEndpoint()
	nw.Genesis = backend.BlockChain().Genesis().Hash().Hex()
	out, _ := json.MarshalIndent(nw, "", "  ")
	check(os.WriteFile(file, append(out, '\n'), 0o600))
	fmt.Println("ready", nw.URL)

	stop := make(chan os.Signal, 1)
	signal.Notify(stop, syscall.SIGINT, syscall.SIGTERM)
	if *leash {
		go func() {
			_, _ = io.Copy(io.Discard, os.Stdin)
			stop <- syscall.SIGTERM
		}()
	}
	rounds(eng, backend, time.Duration(nw.PeriodMS)*time.Millisecond, time.Duration(*timeout)*time.Millisecond, stop)
	stack.Close()
}

// rounds plays the validators until stop: period, proposer, round changes, seals, import.
func rounds(e *engine, backend *eth.Ethereum, period, timeout time.Duration, stop <-chan os.Signal) {
	chain := backend.BlockChain()
	last := time.Now()
	pause := func(d time.Duration) bool {
		select {
		case <-stop:
			return false
		case <-time.After(d):
			return true
		}
	}
	for {
		if !pause(time.Until(last.Add(period))) {
			return
		}
		parent := chain.CurrentBlock()
		var round uint32
		var block *types.Block
		for block == nil {
			e.mu.Lock()
			s, err := e.snapshotOf(chain, parent.Hash(), parent.Number.Uint64())
			if err != nil {
				e.mu.Unlock()
				check(err)
			}
			var online []*validator
			for _, a := range s.validators {
				if v := e.keys[a]; v != nil && v.online {
					online = append(online, v)
				}
			}
			p := e.keys[s.proposerAt(round)]
			ready := p != nil && p.online
			if ready {
				e.pending.proposer, e.pending.vote = p.addr, p.ballot(s.validators)
			}
			need := quorum(len(s.validators))
			e.mu.Unlock()
			if len(online) < need { // halted; the clock of the rounds stands still too
				if !pause(50 * time.Millisecond) {
					return
				}
				continue
			}
			if !ready {
				if !pause(timeout << min(round, 6)) {
					return
				}
				round++
				continue
			}
			now := uint64(time.Now().Unix())
			draft, err := backend.Miner().BuildBlock(parent.Hash(), max(parent.Time+max(1, uint64(period/time.Second)), now), p.addr)
			check(err)
			rand.Shuffle(len(online), func(i, j int) { online[i], online[j] = online[j], online[i] })
			header, err := e.seal(draft.Header(), round, online[:need])
			check(err)
			block = draft.WithSeal(header)
		}
		last = time.Now()
		_, err := chain.InsertChain(types.Blocks{block})
		check(err)
	}
}
