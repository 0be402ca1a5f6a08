// Command irita-evmd runs the forks that IRITA 4 is made of: its Tendermint (SM2 validators), its Cosmos SDK and its Ethermint EVM.
//
// Not part of it are IRITA's own modules (node certificates, permissions, services): validators come from staking here.
package main

import (
	"fmt"
	"io"
	"os"

	"github.com/ethereum/go-ethereum/core"
	"github.com/spf13/cast"
	"github.com/spf13/cobra"
	"github.com/tendermint/tendermint/libs/log"
	dbm "github.com/tendermint/tm-db"

	"github.com/cosmos/cosmos-sdk/baseapp"
	"github.com/cosmos/cosmos-sdk/client"
	"github.com/cosmos/cosmos-sdk/client/config"
	"github.com/cosmos/cosmos-sdk/client/debug"
	"github.com/cosmos/cosmos-sdk/client/flags"
	"github.com/cosmos/cosmos-sdk/client/rpc"
	sdkserver "github.com/cosmos/cosmos-sdk/server"
	svrcmd "github.com/cosmos/cosmos-sdk/server/cmd"
	servertypes "github.com/cosmos/cosmos-sdk/server/types"
	"github.com/cosmos/cosmos-sdk/simapp/params"
	sdk "github.com/cosmos/cosmos-sdk/types"
	authcmd "github.com/cosmos/cosmos-sdk/x/auth/client/cli"
	authtypes "github.com/cosmos/cosmos-sdk/x/auth/types"
	banktypes "github.com/cosmos/cosmos-sdk/x/bank/types"
	genutilcli "github.com/cosmos/cosmos-sdk/x/genutil/client/cli"

	"github.com/tharsis/ethermint/app"
	ethermintclient "github.com/tharsis/ethermint/client"
	ethermintconfig "github.com/tharsis/ethermint/cmd/config"
	"github.com/tharsis/ethermint/crypto/hd"
	"github.com/tharsis/ethermint/encoding"
	"github.com/tharsis/ethermint/server"
	serverconfig "github.com/tharsis/ethermint/server/config"
	serverflags "github.com/tharsis/ethermint/server/flags"
	ethermint "github.com/tharsis/ethermint/types"
)

func main() {
	cfg := sdk.GetConfig()
	ethermintconfig.SetBech32Prefixes(cfg)
	ethermintconfig.SetBip44CoinType(cfg)
	cfg.Seal()
	ethermintconfig.RegisterDenoms()
	if err := svrcmd.Execute(newRootCommand(), app.DefaultNodeHome); err != nil {
		os.Exit(1)
	}
}

func newRootCommand() *cobra.Command {
	enc := encoding.MakeConfig(app.ModuleBasics)
	initial := client.Context{}.
		WithCodec(enc.Marshaler).
		WithInterfaceRegistry(enc.InterfaceRegistry).
		WithTxConfig(enc.TxConfig).
		WithLegacyAmino(enc.Amino).
		WithInput(os.Stdin).
		WithAccountRetriever(authtypes.AccountRetriever{}).
		WithBroadcastMode(flags.BroadcastBlock).
		WithHomeDir(app.DefaultNodeHome).
		WithKeyringOptions(hd.EthSecp256k1Option()).
		WithViper("IRITA")

	root := &cobra.Command{
		Use:          "irita-evmd",
		Short:        "IRITA's Tendermint, SDK and Ethermint without its own modules",
		SilenceUsage: true,
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			cmd.SetOut(cmd.OutOrStdout())
			cmd.SetErr(cmd.ErrOrStderr())
			keepOnLeash(cmd)
			ctx, err := client.ReadPersistentCommandFlags(initial, cmd.Flags())
			if err != nil {
				return err
			}
			if ctx, err = config.ReadFromClientConfig(ctx); err != nil {
				return err
			}
			if err = client.SetCmdClientContextHandler(ctx, cmd); err != nil {
				return err
			}
			template, application := serverconfig.AppConfig(ethermint.AttoPhoton)
			return sdkserver.InterceptConfigsPreRunHandler(cmd, template, application)
		},
	}
	query := &cobra.Command{Use: "query", Aliases: []string{"q"}, RunE: client.ValidateCmd}
	query.AddCommand(rpc.BlockCommand(), rpc.ValidatorCommand(), authcmd.GetAccountCmd(), authcmd.QueryTxCmd(), authcmd.QueryTxsByEventsCmd())
	app.ModuleBasics.AddQueryCommands(query)
	tx := &cobra.Command{Use: "tx", RunE: client.ValidateCmd}
	tx.AddCommand(authcmd.GetSignCommand(), authcmd.GetBroadcastCommand())
	app.ModuleBasics.AddTxCommands(tx)
	query.PersistentFlags().String(flags.FlagChainID, "", "The network chain ID")
	tx.PersistentFlags().String(flags.FlagChainID, "", "The network chain ID")

	addLeash(root)
	balances := banktypes.GenesisBalancesIterator{}
	root.AddCommand(
		genutilcli.InitCmd(app.ModuleBasics, app.DefaultNodeHome),
		genutilcli.CollectGenTxsCmd(balances, app.DefaultNodeHome),
		genutilcli.GenTxCmd(app.ModuleBasics, enc.TxConfig, balances, app.DefaultNodeHome),
		genutilcli.ValidateGenesisCmd(app.ModuleBasics),
		debug.Cmd(),
		rpc.StatusCommand(),
		ethermintclient.KeyCommands(app.DefaultNodeHome),
		query,
		tx,
	)
	server.AddCommands(root, app.DefaultNodeHome, newApp(enc), export, func(*cobra.Command) {})
	root, err := serverflags.AddTxFlags(root)
	if err != nil {
		panic(err)
	}
	return root
}

func newApp(enc params.EncodingConfig) servertypes.AppCreator {
	return func(logger log.Logger, db dbm.DB, trace io.Writer, options servertypes.AppOptions) servertypes.Application {
		pruning, err := sdkserver.GetPruningOptionsFromFlags(options)
		if err != nil {
			panic(err)
		}
		a := app.NewEthermintApp(logger, db, trace, true, map[int64]bool{}, cast.ToString(options.Get(flags.FlagHome)),
			cast.ToUint(options.Get(sdkserver.FlagInvCheckPeriod)), enc, options,
			baseapp.SetPruning(pruning),
			baseapp.SetMinGasPrices(cast.ToString(options.Get(sdkserver.FlagMinGasPrices))),
			baseapp.SetTrace(cast.ToBool(options.Get(sdkserver.FlagTrace))),
			baseapp.SetIndexEvents(cast.ToStringSlice(options.Get(sdkserver.FlagIndexEvents))),
		)
		// IRITA's EVM keeper has no transfer function and no account store of its own: without these two lines every EVM transaction panics.
		a.EvmKeeper.Transfer = core.Transfer
		a.EvmKeeper.AccStoreKey = a.GetKey(authtypes.StoreKey)
		return a
	}
}

func export(log.Logger, dbm.DB, io.Writer, int64, bool, []string, servertypes.AppOptions) (servertypes.ExportedApp, error) {
	return servertypes.ExportedApp{}, fmt.Errorf("export is not offered by this node")
}
