// Command evmd runs a small Cosmos chain with an EVM as a real node: cosmos/evm with staking and IBC (v1 and v2), and nothing else.
package main

import (
	"fmt"
	"io"
	"os"

	"cosmossdk.io/log"

	cmtcfg "github.com/cometbft/cometbft/config"
	dbm "github.com/cosmos/cosmos-db"
	"github.com/spf13/cobra"

	"github.com/cosmos/cosmos-sdk/client"
	clientconfig "github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/client/debug"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/server"
	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	simtestutil "github.com/cosmos/cosmos-sdk/testutil/sims"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authcmd "github.com/cosmos/cosmos-sdk/x/auth/client/cli"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"

	evmclient "github.com/cosmos/evm/client"
	evmconfig "github.com/cosmos/evm/config"
	"github.com/cosmos/evm/crypto/hd"
	evmserver "github.com/cosmos/evm/server"
)

const (
	denom        = "aatom"
	displayDenom = "atom"
	evmChainID   = 262144
	home         = ".evmd"
)

func main() {
	cfg := sdk.GetConfig()
	evmconfig.SetBech32Prefixes(cfg)
	evmconfig.SetBip44CoinType(cfg)
	cfg.Seal()
	if err := svrcmd.Execute(newRootCommand(), "EVMD", home); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	options := simtestutil.NewAppOptionsWithFlagHome(os.TempDir())
	sample := newApp(log.NewNopLogger(), dbm.NewMemDB(), nil, options) // only to learn the codecs and module list
	enc := sample.encoding
	initial := client.Context{}.
		WithCodec(enc.Codec).
		WithInterfaceRegistry(enc.InterfaceRegistry).
		WithTxConfig(enc.TxConfig).
		WithLegacyAmino(enc.Amino).
		WithInput(os.Stdin).
		WithAccountRetriever(authtypes.AccountRetriever{}).
		WithBroadcastMode(flags.FlagBroadcastMode).
		WithHomeDir(home).
		WithKeyringOptions(hd.EthSecp256k1Option()).
		WithLedgerHasProtobuf(true).
		WithViper("EVMD")

	root := &cobra.Command{
		Use:          "evmd",
		Short:        "Cosmos chain with an EVM and IBC",
		SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.OutOrStdout())
			cmd.SetErr(cmd.ErrOrStderr())
			keepOnLeash(cmd)
			ctx, err := client.ReadPersistentCommandFlags(initial.WithCmdContext(cmd.Context()), cmd.Flags())
			if err != nil {
				return err
			}
			if ctx, err = clientconfig.ReadFromClientConfig(ctx); err != nil {
				return err
			}
			if err = client.SetCmdClientContextHandler(ctx, cmd); err != nil {
				return err
			}
			template, application := evmconfig.InitAppConfig(denom, evmChainID)
			return server.InterceptConfigsPreRunHandler(cmd, template, application, cmtcfg.DefaultConfig())
		},
	}

	addLeash(root)
	evmserver.AddCommands(root, evmserver.NewDefaultStartOptions(start, home), export, func(*cobra.Command) {})
	root.AddCommand(
		genutilcli.InitCmd(sample.basics, home),
		genutilcli.Commands(enc.TxConfig, sample.basics, home),
		debug.Cmd(),
		evmclient.KeyCommands(home, true),
		server.StatusCommand(),
	)
	query := &cobra.Command{Use: "query", Aliases: []string{"q"}, RunE: client.ValidateCmd}
	query.AddCommand(authcmd.QueryTxCmd(), authcmd.QueryTxsByEventsCmd(), server.QueryBlockCmd())
	sample.basics.AddQueryCommands(query)
	tx := &cobra.Command{Use: "tx", RunE: client.ValidateCmd}
	tx.AddCommand(authcmd.GetSignCommand(), authcmd.GetBroadcastCommand())
	sample.basics.AddTxCommands(tx)
	root.AddCommand(query, tx)
	return root
}

func start(logger log.Logger, db dbm.DB, trace io.Writer, options servertypes.AppOptions) evmserver.Application {
	return newApp(logger, db, trace, options, server.DefaultBaseappOptions(options)...)
}

func export(log.Logger, dbm.DB, io.Writer, int64, bool, []string, servertypes.AppOptions, []string) (servertypes.ExportedApp, error) {
	return servertypes.ExportedApp{}, fmt.Errorf("export is not offered by this node")
}
